// All rows of squared distance not above a limit from each point: float32 scores leave what may be, float64 decides.
#pragma once
#include <vector>

#include "neighbors.hpp"

namespace shardlearn::SHARDLEARN_ISA {

template <class T>
class Within {
   public:
    Within(const Rows& x, const i64* ids, const Points& c, double limit, const Sink& sink)
        : x_(x), ids_(ids), c_(c), limit_(limit), sink_(sink), rows_(x, c) {}

    void run() {
        rows_.pack();
        i64 beside = most<i64>(1, POINTS_BYTES / (4 * (c_.p + 2)) / PC) * PC;
        limits_.resize(static_cast<std::size_t>(beside));
        held_.resize(static_cast<std::size_t>(beside));
        for (i64 first = 0; first < c_.k; first += beside) {
            i64 count = least(beside, c_.k - first);
            for (i64 j = 0; j < beside; ++j)
                limits_[static_cast<std::size_t>(j)] =
                    j < count ? score_limit(c_, first + j, limit_) : -__builtin_inff();
            for (i64 b = 0; b < rows_.count; ++b) compare(b, first, count);
            for (i64 j = 0; j < count; ++j) {
                auto& held = held_[static_cast<std::size_t>(j)];
                held.insert(held.end(), rows_.wild.begin(), rows_.wild.end());
                decide(first, j);
            }
        }
    }

   private:
    const Rows& x_;
    const i64* ids_;
    const Points& c_;
    double limit_;
    const Sink& sink_;
    RowPanels rows_;
    std::vector<float> limits_;
    std::vector<std::vector<std::int32_t>> held_;
    std::vector<double> squares_;

    void compare(i64 b, i64 first, i64 count) {
        const float *panel = rows_.panel(b), *points = c_.panels + first * (c_.p + 2);
        Fetching ahead = {reinterpret_cast<const char*>(panel + rows_.line), rows_.line / 16, (count + PC - 1) / PC};
        for (i64 i = 0; i < count; i += PC, points += PC * (c_.p + 2)) {
            F acc[RV][PC];
            score<NEAREST_ROW>(panel, points, c_.p, ahead.take(c_.p + 1), acc);
            const float* limits = limits_.data() + i;
            FM far = lt(setf(limits[0]), closest(acc, 0));
            for (int j = 1; j < PC; ++j) far = both(far, lt(setf(limits[j]), closest(acc, j)));
            if (lanes_of(far) == first_lanes(FW)) continue;
#pragma GCC unroll 8
            for (int j = 0; j < PC; ++j) {  // unrolled, so that scores stay in registers
                F limit = setf(limits[j]);
                collect(lanes_of(lt(limit, acc[0][j])) ^ first_lanes(FW), b * PR, first, i + j);
                collect(lanes_of(lt(limit, acc[1][j])) ^ first_lanes(FW), b * PR + FW, first, i + j);
                collect(lanes_of(lt(limit, acc[2][j])) ^ first_lanes(FW), b * PR + 2 * FW, first, i + j);
            }
        }
    }

    SL_INLINE static F closest(const F (&acc)[RV][PC], int j) { return min(min(acc[0][j], acc[1][j]), acc[2][j]); }

    SL_INLINE void collect(unsigned near, i64 row, i64 first, i64 j) {
        if (near) hold(near, row, first, j);
    }

    __attribute__((noinline)) void hold(unsigned near, i64 row, i64 first, i64 j) {
        auto& held = held_[static_cast<std::size_t>(j)];
        for (; near; near &= near - 1) held.push_back(static_cast<std::int32_t>(row + __builtin_ctz(near)));
        if (held.size() > 256) decide(first, j);
    }

    void decide(i64 first, i64 j) {
        auto& held = held_[static_cast<std::size_t>(j)];
        squares_.resize(held.size());
        squared_rows<T>(
            static_cast<i64>(held.size()), c_.p,
            [&](i64 a) { return static_cast<const T*>(x_.data) + held[static_cast<std::size_t>(a)] * c_.p; },
            c_.values + (first + j) * c_.p, squares_.data());
        for (std::size_t a = 0; a < held.size(); ++a)
            if (!(limit_ < squares_[a])) sink_.take(sink_.to, first + j, squares_[a], ids_[held[a]]);
        held.clear();
    }
};

inline void rows_within(const Rows& x, const i64* ids, const Points& c, double limit, const Sink& sink) {
    if (x.single)
        Within<float>(x, ids, c, limit, sink).run();
    else
        Within<double>(x, ids, c, limit, sink).run();
}

}  // namespace shardlearn::SHARDLEARN_ISA
