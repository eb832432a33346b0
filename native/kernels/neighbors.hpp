// The k nearest rows of each point: float32 scores leave a few, float64 distances put them in order.
#pragma once
#include <algorithm>
#include <vector>

#include "nearest.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr i64 HELD_BYTES = 512 * 1024;   // of candidates, of the points that are looked at together
constexpr float WILD = 0x1p60f;              // a norm from which on products could overflow

struct Neighbor {
    double square;
    i64 id;
    bool operator<(const Neighbor& b) const { return square < b.square || (square == b.square && id < b.id); }
};

// Squared distances of rows row(i), i < n, from one point: rows beside each other in the lanes, each its own chain.
template <class T, class Row>
inline void squared_rows(i64 n, i64 p, Row row, const double* c, double* out) {
    i64 i = 0;
#if SHARDLEARN_WIDTH == 8
    constexpr int GROUPS = 2, TOGETHER = GROUPS * W;  // so that no chain waits for its last addition
    const i64 lines = (p * static_cast<i64>(sizeof(T)) + 63) / 64;
    auto fetch = [&](i64 from) {  // rows lie anywhere
        for (i64 a = from; a < least(from + TOGETHER, n); ++a)
            for (i64 l = 0; l < lines; ++l) __builtin_prefetch(reinterpret_cast<const char*>(row(a)) + l * 64);
    };
    for (; i < n; i += TOGETHER) {
        fetch(i + TOGETHER);
        const T* x[GROUPS][W];
        V sum[GROUPS];
        for (int g = 0; g < GROUPS; ++g) {
            sum[g] = zero();
            for (int a = 0; a < W; ++a) x[g][a] = row(least(i + g * W + a, n - 1));
        }
        for (i64 t = 0; t < p; t += W) {
            const int wide = static_cast<int>(least<i64>(W, p - t));
            V square[GROUPS][W];
            for (int g = 0; g < GROUPS; ++g) {
                for (int a = 0; a < W; ++a) square[g][a] = load_some(x[g][a] + t, wide);
                transpose(square[g]);
            }
            for (int s = 0; s < wide; ++s)
                for (int g = 0; g < GROUPS; ++g) {
                    V d = square[g][s] - set(c[t + s]);
                    sum[g] = fma(d, d, sum[g]);
                }
        }
        for (int g = 0; g < GROUPS; ++g)
            if (i + g * W < n) store_some(out + i + g * W, sum[g], static_cast<int>(least<i64>(W, n - i - g * W)));
    }
#else
    squared_pairs<T>(n, p, row, [&](i64) { return c; }, out);
#endif
}

// The candidates of one point: bounds of their scores, and their rows. Upper bounds also cover the error of a squared
// distance in float64. The capacity is a multiple of FW, and FW more are written to.
class Reservoir {
   public:
    Reservoir(float* from, i64 capacity, i64 k) : low_(from), high_(from + capacity + FW), capacity_(capacity), k_(k) {
        row_ = reinterpret_cast<std::int32_t*>(high_ + capacity + FW);
    }
    static i64 floats(i64 capacity) { return 3 * (capacity + FW); }
    i64 count() const { return count_; }
    std::int32_t row(i64 i) const { return row_[i]; }
    bool full() const { return count_ > capacity_ - PR; }  // a panel's rows may not find room
    bool crowded() const { return count_ > capacity_ - PR - (capacity_ - PR) / 4; }
    void clear() { count_ = 0; }
    // Those lanes of a vector whose rows begin at a number.
    SL_INLINE void add(unsigned lanes, F low, F high, std::int32_t row) {
        compress(low_ + count_, lanes, low);
        compress(high_ + count_, lanes, high);
        compress_count(row_ + count_, lanes, row);
        count_ += __builtin_popcount(lanes);
    }
    // What k candidates' upper bounds are not above limits what can be among the k nearest. Leaves `spare` more than needed.
    void shrink(float& limit, i64 spare) {
        if (count_ > k_) limit = least(limit, reached_by(k_ + spare));
        keep(limit);
    }
    // The same among these and k rows that were found before: `before(a)` is the upper bound of the a-th, and they ascend.
    template <class Before>
    void shrink_among(float& limit, Before before) {
        for (i64 i = count_; i % FW; ++i) high_[i] = __builtin_inff();
        i64 first = 0, last = k_ - 1;
        while (first < last) {
            i64 middle = first + (last - first) / 2;
            if (middle + 1 + up_to(before(middle)) < k_)
                first = middle + 1;
            else
                last = middle;
        }
        limit = least(limit, before(last));
        keep(limit);
    }

   private:
    float *low_, *high_;
    std::int32_t* row_;
    i64 capacity_, k_, count_ = 0;

    void keep(float limit) {
        i64 left = 0;
        for (i64 i = 0; i < count_; ++i) {
            float low = low_[i], high = high_[i];
            std::int32_t row = row_[i];
            low_[left] = low, high_[left] = high, row_[left] = row;
            left += !(low > limit);
        }
        count_ = left;
    }
    i64 up_to(float limit) const {
        i64 found = 0;
        for (i64 i = 0; i < count_; i += FW) found += FW - __builtin_popcount(lanes_of(lt(setf(limit), loadf(high_ + i))));
        return found;
    }
    // A bound that k upper bounds are not above, by bisection until no more than `enough` are.
    float reached_by(i64 enough) {
        for (i64 i = count_; i % FW; ++i) high_[i] = __builtin_inff();
        F lowest = loadf(high_), highest = setf(-__builtin_inff());
        for (i64 i = 0; i < count_; ++i) {
            lowest = min(setf(high_[i]), lowest);
            highest = max(setf(high_[i]), highest);
        }
        float ends[FW];
        storef(ends, lowest);
        float below = ends[0];
        storef(ends, highest);
        float reached = ends[0];
        if (up_to(below) >= k_) return below;
        for (int turn = 0; turn < 40; ++turn) {
            float middle = below + 0.5f * (reached - below);
            if (!(middle > below && middle < reached)) break;  // also where an end is infinite
            i64 found = up_to(middle);
            if (found < k_)
                below = middle;
            else
                reached = middle;
            if (found >= k_ && found <= enough) break;
        }
        return reached;
    }
};

// The rows of a block as panels; those that could overflow as float32 are set aside, as numbers.
struct RowPanels {
    const Rows& x;
    RowPacker pack_rows;
    i64 line, count;
    float* panels = nullptr;
    std::vector<std::int32_t> wild;  // they are compared in float64 only

    RowPanels(const Rows& rows, const Points& c)
        : x(rows), pack_rows(rows, c, 0), line(PR * (c.p + 2)), count((rows.n + PR - 1) / PR) {}
    float* panel(i64 b) const { return panels + b * line; }
    void pack() {
        panels = reinterpret_cast<float*>(scratch(1, (count * line + 1) / 2));
        for (i64 b = 0; b < count; ++b) fill(b, panel(b));
    }

   private:
    void fill(i64 b, float* to) {
        int some = static_cast<int>(least<i64>(PR, x.n - b * PR));
        pack_rows(some, to, [&](int r) { return b * PR + r; });
        for (int r = 0; r < PR; ++r) {
            bool far = !(to[PR + r] < WILD);
            if (r >= some || far) {
                to[r] = __builtin_inff();
                for (i64 t = 1; t < x.p + 2; ++t) to[t * PR + r] = 0.0f;
            }
            if (r < some && far) wild.push_back(static_cast<std::int32_t>(b * PR + r));
        }
    }
};

// A row whose score against point j is above can't have a squared distance of `square` or less.
inline float score_limit(const Points& c, i64 j, double square) {
    double round = static_cast<double>(c.p + 8) * 0x1p-51;
    double limit = 0.5 * square * c.scale * c.scale * (1.0 + round) - c.half[j] * (1.0 - round) + TINY;
    return limit < 0x1p100 ? up(limit) : 0x1p100f;
}

// What was found in earlier blocks is joined with the rows of one.
template <class T>
class Search {
   public:
    Search(const Rows& x, const i64* ids, const Points& c, const Found& found)
        : x_(x), ids_(ids), c_(c), found_(found), slack_(c.p), rows_(x, c) {}

    void run() {
        rows_.pack();
        i64 capacity = (most<i64>(2 * found_.k, 64) + 3 * PR) / FW * FW, each = Reservoir::floats(capacity);
        i64 beside = least(POINTS_BYTES / (4 * (c_.p + 2)), HELD_BYTES / (4 * each));
        beside = most<i64>(1, beside / PC) * PC;
        held_.resize(static_cast<std::size_t>(least(beside, c_.k) * each));
        limits_.resize(static_cast<std::size_t>(beside));
        for (i64 j = 0; j < c_.k; j += beside) {
            open(j, least(beside, c_.k - j), capacity);
            for (i64 b = 0; b < rows_.count; ++b) compare(b, rows_.panel(b), j);
            for (i64 i = 0; i < static_cast<i64>(reservoirs_.size()); ++i) {
                for (std::int32_t row : rows_.wild) {
                    reservoirs_[static_cast<std::size_t>(i)].add(1u, setf(-__builtin_inff()), setf(__builtin_inff()), row);
                    if (reservoirs_[static_cast<std::size_t>(i)].full()) make_room(i, j);
                }
                settle(i, j);
            }
        }
    }

   private:
    const Rows& x_;
    const i64* ids_;
    const Points& c_;
    const Found& found_;
    Slack slack_;
    RowPanels rows_;
    std::vector<float> held_;
    std::vector<Reservoir> reservoirs_;
    std::vector<float> limits_;
    std::vector<double> squares_;
    std::vector<Neighbor> old_, new_;

    // A row whose score is above can't be as near as the a-th one that was found.
    float limit_of(i64 j, i64 a) const {
        return score_limit(c_, j, found_.square[j * found_.k + a]);
    }

    void open(i64 first, i64 count, i64 capacity) {
        reservoirs_.clear();
        for (i64 i = 0; i < count; ++i) {
            reservoirs_.emplace_back(held_.data() + i * Reservoir::floats(capacity), capacity, found_.k);
            limits_[static_cast<std::size_t>(i)] = limit_of(first + i, found_.k - 1);
        }
        for (std::size_t i = static_cast<std::size_t>(count); i < limits_.size(); ++i) limits_[i] = -__builtin_inff();
    }

    void compare(i64 b, const float* panel, i64 first) {
        const float* points = c_.panels + first * (c_.p + 2);
        i64 groups = (static_cast<i64>(reservoirs_.size()) + PC - 1) / PC, line = PR * (c_.p + 2);
        Fetching ahead = {reinterpret_cast<const char*>(panel + line), line / 16, groups};
        for (i64 i = 0; i < static_cast<i64>(reservoirs_.size()); i += PC, points += PC * (c_.p + 2)) {
            F acc[RV][PC];
            score<NEAREST_ROW>(panel, points, c_.p, ahead.take(c_.p + 1), acc);
            const float* limits = limits_.data() + i;
            FM far = lt(setf(limits[0]), closest(acc, 0));
            for (int j = 1; j < PC; ++j) far = both(far, lt(setf(limits[j]), closest(acc, j)));
            if (lanes_of(far) == first_lanes(FW)) continue;
#pragma GCC unroll 8
            for (int j = 0; j < PC; ++j)
                if (lanes_of(lt(setf(limits[j]), closest(acc, j))) != first_lanes(FW))
                    collect({i + j, first, b * PR}, panel + PR, acc[0][j], acc[1][j], acc[2][j]);
        }
    }

    SL_INLINE static F closest(const F (&acc)[RV][PC], int j) { return min(min(acc[0][j], acc[1][j]), acc[2][j]); }

    struct Where {
        i64 i, first, row;
    };

    __attribute__((noinline)) void collect(Where at, const float* norms, F a, F b, F c) {
        Reservoir& held = reservoirs_[static_cast<std::size_t>(at.i)];
        double norm = c_.norm[at.first + at.i];
        F limit = setf(limits_[static_cast<std::size_t>(at.i)]);
        collect_lanes(held, norm, limit, norms, static_cast<std::int32_t>(at.row), a);
        collect_lanes(held, norm, limit, norms + FW, static_cast<std::int32_t>(at.row + FW), b);
        collect_lanes(held, norm, limit, norms + 2 * FW, static_cast<std::int32_t>(at.row + 2 * FW), c);
        if (held.full()) make_room(at.i, at.first);
    }

    SL_INLINE void collect_lanes(Reservoir& held, double norm, F limit, const float* norms, std::int32_t row, F low) {
        unsigned near = lanes_of(lt(limit, low)) ^ first_lanes(FW);
        if (near) held.add(near, low, low + slack_.of_rows(norm, loadf(norms)), row);
    }

    void make_room(i64 i, i64 first) {
        Reservoir& held = reservoirs_[static_cast<std::size_t>(i)];
        held.shrink(limits_[static_cast<std::size_t>(i)], found_.k / 8);
        if (held.crowded()) settle(i, first);
    }

    // Distances in float64, and those that were found before: the k least of both.
    void settle(i64 i, i64 first) {
        Reservoir& held = reservoirs_[static_cast<std::size_t>(i)];
        float& limit = limits_[static_cast<std::size_t>(i)];
        i64 j = first + i, k = found_.k;
        held.shrink(limit, 0);
        held.shrink_among(limit, [&](i64 a) { return limit_of(j, a); });
        i64 count = held.count();
        if (!count) return;
        squares_.resize(static_cast<std::size_t>(count));
        squared_rows<T>(
            count, c_.p, [&](i64 a) { return static_cast<const T*>(x_.data) + held.row(a) * c_.p; },
            c_.values + j * c_.p, squares_.data());
        new_.clear();
        for (i64 a = 0; a < count; ++a) new_.push_back({squares_[static_cast<std::size_t>(a)], ids_[held.row(a)]});
        std::sort(new_.begin(), new_.end());
        double* square = found_.square + j * k;
        i64* id = found_.id + j * k;
        old_.clear();
        for (i64 a = 0; a < k; ++a) old_.push_back({square[a], id[a]});
        auto old = old_.begin();
        auto now = new_.begin();
        for (i64 a = 0; a < k; ++a) {
            Neighbor next = now != new_.end() && *now < *old ? *now++ : *old++;
            square[a] = next.square, id[a] = next.id;
        }
        limit = least(limit, limit_of(j, k - 1));
        held.clear();
    }
};

// Joins rows of these ids to what was found before.
inline void nearest_rows(const Rows& x, const i64* ids, const Points& c, const Found& found) {
    if (x.single)
        Search<float>(x, ids, c, found).run();
    else
        Search<double>(x, ids, c, found).run();
}

}  // namespace shardlearn::SHARDLEARN_ISA
