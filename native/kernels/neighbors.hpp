// The k nearest rows of each point: float32 scores leave a few, float64 distances put them in order.
#pragma once
#include <algorithm>
#include <vector>

#include "nearest.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr i64 HELD_BYTES = 512 * 1024;   // of candidates, of the points that are looked at together
constexpr i64 SPARE = 16;                // candidates more than are asked for, at least
constexpr int SINGLY = 6;                     // rows of a panel that are added one by one
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
// distance in float64. There is room for a panel's rows beyond those at which it is `full`, and for FW more.
class Reservoir {
   public:
    Reservoir(float* from, i64 k) : most_(k + spare_of(k)), k_(k) {
        const i64 each = most_ + PR + FW;
        low_ = from, high_ = from + each, row_ = reinterpret_cast<std::int32_t*>(from + 2 * each);
    }
    static i64 floats(i64 k) { return 3 * (k + spare_of(k) + PR + FW); }
    i64 count() const { return count_; }
    std::int32_t row(i64 i) const { return row_[i]; }
    bool full() const { return count_ > most_; }
    bool crowded() const { return 4 * count_ > 3 * most_ + k_; }
    void clear() { count_ = 0; }
    SL_INLINE void add(float low, float high, std::int32_t row) {
        low_[count_] = low, high_[count_] = high, row_[count_] = row;
        ++count_;
    }
    // Those lanes of a vector whose rows begin at a number.
    SL_INLINE void add(unsigned lanes, F low, F high, std::int32_t row) {
        compress(low_ + count_, lanes, low);
        compress(high_ + count_, lanes, high);
        compress_count(row_ + count_, lanes, row);
        count_ += __builtin_popcount(lanes);
    }
    // What k candidates' upper bounds are not above limits what can be among the k nearest; at most a few more are left.
    void shrink(float& limit, bool few) {
        if (count_ > k_) limit = least(limit, reached_by(few ? k_ + (most_ - k_) / 4 : k_));
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
    i64 most_, k_, count_ = 0;

    // A limit that is old lets more rows in than one that was just found, which takes a while to find.
    static i64 spare_of(i64 k) { return most<i64>(SPARE, k / 4); }

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
        for (i64 i = count_; i % FW; ++i) high_[i] = high_[0];
        F lowest = loadf(high_), highest = lowest;
        for (i64 i = FW; i < count_; i += FW) {
            F here = loadf(high_ + i);
            lowest = min(here, lowest), highest = max(here, highest);
        }
        float ends[2][FW];
        storef(ends[0], lowest), storef(ends[1], highest);
        float below = ends[0][0], reached = ends[1][0];
        for (int i = 1; i < FW; ++i) below = least(below, ends[0][i]), reached = most(reached, ends[1][i]);
        for (i64 i = count_; i % FW; ++i) high_[i] = __builtin_inff();
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
        i64 each = Reservoir::floats(found_.k);
        i64 beside = least(POINTS_BYTES / (4 * (c_.p + 2)), HELD_BYTES / (4 * each));
        beside = most<i64>(1, beside / PC) * PC;
        held_.resize(static_cast<std::size_t>(least(beside, c_.k) * each));
        limits_.resize(static_cast<std::size_t>(beside));
        for (i64 j = 0; j < c_.k; j += beside) {
            open(j, least(beside, c_.k - j));
            for (i64 b = 0; b < rows_.count; ++b) compare(b, rows_.panel(b), j);
            for (i64 i = 0; i < static_cast<i64>(reservoirs_.size()); ++i) {
                for (std::int32_t row : rows_.wild) {
                    reservoirs_[static_cast<std::size_t>(i)].add(-__builtin_inff(), __builtin_inff(), row);
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
    std::vector<Slack::OfRows> slacks_;
    std::vector<double> squares_;
    std::vector<Neighbor> old_, new_;

    // A row whose score is above can't be as near as the a-th one that was found.
    float limit_of(i64 j, i64 a) const {
        return score_limit(c_, j, found_.square[j * found_.k + a]);
    }

    void open(i64 first, i64 count) {
        reservoirs_.clear(), slacks_.clear();
        for (i64 i = 0; i < count; ++i) {
            reservoirs_.emplace_back(held_.data() + i * Reservoir::floats(found_.k), found_.k);
            slacks_.push_back(slack_.of_rows(c_.norm[first + i]));
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
            alignas(64) float scores[PC][PR];
            for (int j = 0; j < PC; ++j)
                for (int v = 0; v < RV; ++v) storef(scores[j] + v * FW, acc[v][j]);
            collect({i, first, b * PR}, panel + PR, scores);
        }
    }

    SL_INLINE static F closest(const F (&acc)[RV][PC], int j) { return min(min(acc[0][j], acc[1][j]), acc[2][j]); }

    struct Where {
        i64 i, first, row;
    };

    // The rows of a panel that are near to a group of points: not inlined, so that comparing keeps its registers.
    __attribute__((noinline)) void collect(Where at, const float* norms, const float (&scores)[PC][PR]) {
        unsigned some = 0;
        for (int j = 0; j < PC; ++j) some |= static_cast<unsigned>(near(scores[j], at.i + j) != 0) << j;
        for (; some; some &= some - 1) {
            const int j = __builtin_ctz(some);
            const i64 i = at.i + j;
            Reservoir& held = reservoirs_[static_cast<std::size_t>(i)];
            const Slack::OfRows& slack = slacks_[static_cast<std::size_t>(i)];
            std::uint64_t lanes = near(scores[j], i);
            if (__builtin_popcountll(lanes) < SINGLY) {
                for (; lanes; lanes &= lanes - 1) {
                    const int r = __builtin_ctzll(lanes);
                    held.add(scores[j][r], scores[j][r] + slack(norms[r]), static_cast<std::int32_t>(at.row + r));
                }
            } else {
                for (int v = 0; v < RV; ++v, lanes >>= FW) {
                    F low = loadf(scores[j] + v * FW), high = low + slack(loadf(norms + v * FW));
                    unsigned here = static_cast<unsigned>(lanes) & first_lanes(FW);
                    held.add(here, low, high, static_cast<std::int32_t>(at.row + v * FW));
                }
            }
            if (held.full()) make_room(i, at.first);
        }
    }

    // The lanes of a panel whose scores are not above a point's limit.
    SL_INLINE std::uint64_t near(const float* scores, i64 i) const {
        F limit = setf(limits_[static_cast<std::size_t>(i)]);
        std::uint64_t lanes = 0;
        for (int v = 0; v < RV; ++v) {
            unsigned far = lanes_of(lt(limit, loadf(scores + v * FW)));  // a NaN is not far
            lanes |= static_cast<std::uint64_t>(far ^ first_lanes(FW)) << (v * FW);
        }
        return lanes;
    }

    void make_room(i64 i, i64 first) {
        Reservoir& held = reservoirs_[static_cast<std::size_t>(i)];
        held.shrink(limits_[static_cast<std::size_t>(i)], true);
        if (held.crowded()) settle(i, first);
    }

    // Distances in float64, and those that were found before: the k least of both.
    void settle(i64 i, i64 first) {
        Reservoir& held = reservoirs_[static_cast<std::size_t>(i)];
        float& limit = limits_[static_cast<std::size_t>(i)];
        i64 j = first + i, k = found_.k;
        held.shrink(limit, false);
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
