// The nearest rows of sparse points among sparse rows: bounds from products, by lists of the points that have a feature.
//
// A key is a chain over the features in order, and those that both sides lack change nothing. Its bounds come from the
// product of row and point in float64, in any order: with a = 1/2 |x|^2, b = 1/2 |c|^2 and u = 2^-53, the product and the
// halves have errors of at most (p + 3) u (a + b) each, and so has the chain itself of twice that and four times. What may
// be near enough gets its chain.
#pragma once
#include <vector>

#include "csr.hpp"
#include "distances.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr i64 TILE_LISTS = 512;  // points that are looked at together
constexpr i64 OFTEN = 8;     // a feature that more than one in so many of them have is a line of numbers, not a list
constexpr int SV = 4;        // vectors of points in registers
constexpr double HUGE_HALF = 1e300, SMALLEST = 1e-300;

template <class T, class Keep>
class SparseSearch {
   public:
    SparseSearch(const Sparse<T>& x, i64 n, const i64* ids, const SparsePoints& c, bool product, Keep& keep)
        : x_(x), n_(n), ids_(ids), c_(c), product_(product), keep_(keep), error_(static_cast<double>(c.p + 16) * 0x1p-51) {
        room_ = keep.wanted() ? static_cast<std::size_t>(2 * keep.wanted() + 64) : 256;
    }

    void run() {
        start_.resize(static_cast<std::size_t>(c_.p + 1));
        line_.resize(static_cast<std::size_t>(c_.p));
        held_.resize(static_cast<std::size_t>(TILE_LISTS));
        for (first_ = 0; first_ < c_.m; first_ += TILE_LISTS) {
            count_ = least(TILE_LISTS, c_.m - first_);
            invert();
            keep_.open(first_, count_);
            for (i64 j = 0; j < TILE_LISTS; ++j) open(j);
            for (i64 i = 0; i < n_; ++i) compare(i);
            for (i64 j = 0; j < count_; ++j) decide(j);
            keep_.close();
        }
    }

   private:
    struct Doubt {  // a row, and bounds of its key
        double low, high;
        i64 row;
    };
    const Sparse<T> x_;
    i64 n_;
    const i64* ids_;
    const SparsePoints& c_;
    bool product_;
    Keep& keep_;
    double error_;
    std::size_t room_;
    i64 first_ = 0, count_ = 0;
    std::vector<std::int32_t> start_, line_, who_;  // of each feature: where its list begins, and its line, or -1
    std::vector<double> what_, lines_;
    std::vector<std::vector<Doubt>> held_;
    std::vector<const double*> here_;  // lines of a row
    std::vector<double> by_;
    double products_[TILE_LISTS], half_[TILE_LISTS], limit_[TILE_LISTS], bound_[TILE_LISTS];

    void invert() {
        const i64 *from = c_.indptr + first_, begin = from[0], end = from[count_];
        std::fill(start_.begin(), start_.end(), 0);
        for (i64 a = begin; a < end; ++a) ++start_[static_cast<std::size_t>(c_.indices[a] + 1)];
        i64 lines = 0, listed = 0;
        for (std::size_t t = 0; t < line_.size(); ++t) {  // counts become where the list before ends
            i64 some = start_[t + 1];
            bool often = some * OFTEN > count_ && some > 4;
            line_[t] = often ? static_cast<std::int32_t>(lines++) : -1;
            start_[t + 1] = static_cast<std::int32_t>(listed);
            listed += often ? 0 : some;
        }
        who_.resize(static_cast<std::size_t>(listed)), what_.resize(static_cast<std::size_t>(listed));
        lines_.assign(static_cast<std::size_t>(lines * TILE_LISTS), 0.0);
        for (i64 j = 0; j < count_; ++j)
            for (i64 a = from[j]; a < from[j + 1]; ++a) {
                auto t = static_cast<std::size_t>(c_.indices[a]);
                if (line_[t] >= 0) {
                    lines_[static_cast<std::size_t>(line_[t] * TILE_LISTS + j)] = c_.data[a];
                } else {  // in the end each start is where its own list ends, and the next begins
                    auto at = static_cast<std::size_t>(start_[t + 1]++);
                    who_[at] = static_cast<std::int32_t>(j), what_[at] = c_.data[a];
                }
            }
    }

    void open(i64 j) {
        limit_[j] = bound_[j] = __builtin_inf();
        if (j >= count_) return;
        half_[j] = half_square(c_.data, c_.indptr[first_ + j], c_.indptr[first_ + j + 1]);
        limit(j, keep_.limit(j));
    }

    // A row whose product is below the bound, and its part of that, has a key above the limit.
    void limit(i64 j, double limit) {
        limit_[j] = least(limit_[j], limit);
        double far = product_ ? limit_[j] : 0.5 * limit_[j], part = product_ ? -2.0 * error_ : 1.0 - 2.0 * error_;
        bound_[j] = half_[j] < HUGE_HALF ? half_[j] * part - (far + error_ * __builtin_fabs(far)) - SMALLEST : -__builtin_inf();
    }

    template <class U>
    static double half_square(const U* data, i64 from, i64 to) {
        double sum = 0.0;
        for (i64 a = from; a < to; ++a) sum = fma(static_cast<double>(data[a]), static_cast<double>(data[a]), sum);
        return 0.5 * sum;
    }

    void compare(i64 i) {
        for (double& one : products_) one = 0.0;
        here_.clear(), by_.clear();
        for (i64 a = x_.indptr[i]; a < x_.indptr[i + 1]; ++a) {
            const double value = static_cast<double>(x_.data[a]);
            const auto t = static_cast<std::size_t>(x_.indices[a]);
            if (line_[t] >= 0) {
                here_.push_back(lines_.data() + line_[t] * TILE_LISTS), by_.push_back(value);
                continue;
            }
            for (std::int32_t at = start_[t]; at < start_[t + 1]; ++at) {
                double& sum = products_[who_[static_cast<std::size_t>(at)]];
                sum = fma(value, what_[static_cast<std::size_t>(at)], sum);
            }
        }
        const double half = half_square(x_.data, x_.indptr[i], x_.indptr[i + 1]);
        const double part = half < HUGE_HALF ? half * (product_ ? -2.0 * error_ : 1.0 - 2.0 * error_) : -__builtin_inf();
        for (i64 j = 0; j < count_; j += SV * W) finish(i, j, half, part);
    }

    SL_INLINE void finish(i64 i, i64 j, double half, double part) {
        V sum[SV];
        for (int v = 0; v < SV; ++v) sum[v] = load(products_ + j + v * W);
        for (std::size_t a = 0; a < by_.size(); ++a) {
            const double* line = here_[a] + j;
            V value = set(by_[a]);
            for (int v = 0; v < SV; ++v) sum[v] = fma(value, load(line + v * W), sum[v]);
        }
        for (int v = 0; v < SV; ++v) {
            if (whole(lt(sum[v], set(part) + load(bound_ + j + v * W)))) continue;
            store(products_ + j + v * W, sum[v]);
            for (i64 r = j + v * W; r < least(j + (v + 1) * W, count_); ++r)
                if (!(products_[r] < part + bound_[r])) add(i, r, half);
        }
    }

    __attribute__((noinline)) void add(i64 i, i64 j, double half) {
        double size = half + half_[j], key = product_ ? -products_[j] : 2.0 * (size - products_[j]);
        double round = size < HUGE_HALF ? 4.0 * error_ * size + SMALLEST : __builtin_inf();
        if (!(round < __builtin_inf())) key = 0.0;
        auto& held = held_[static_cast<std::size_t>(j)];
        held.push_back({key - round, key + round, i});
        if (held.size() >= room_) shrink(j);
    }

    void shrink(i64 j) {
        auto& held = held_[static_cast<std::size_t>(j)];
        tighten(j);
        const double most = limit_[j];
        held.erase(std::remove_if(held.begin(), held.end(), [=](const Doubt& a) { return most < a.low; }), held.end());
        if (held.size() > room_ - room_ / 4) decide(j);
    }

    // As many upper bounds as neighbours are wanted limit what can be one.
    void tighten(i64 j) {
        auto& held = held_[static_cast<std::size_t>(j)];
        if (!keep_.wanted() || static_cast<i64>(held.size()) < keep_.wanted()) return;
        auto last = held.begin() + (keep_.wanted() - 1);
        std::nth_element(held.begin(), last, held.end(), [](const Doubt& a, const Doubt& b) { return a.high < b.high; });
        limit(j, last->high);
    }

    void decide(i64 j) {
        auto& held = held_[static_cast<std::size_t>(j)];
        tighten(j);
        for (const Doubt& one : held) {
            if (limit_[j] < one.low) continue;
            double key = chain(one.row, first_ + j);
            if (!(keep_.limit(j) < key)) keep_.add(j, key == key ? key : __builtin_inf(), ids_[one.row]);
        }
        held.clear();
        keep_.added(j);
        limit(j, keep_.limit(j));
    }

    // The key itself: (x - c)^2 over the features that either has, or - x c over those that both have.
    double chain(i64 i, i64 j) const {
        i64 a = x_.indptr[i], last = x_.indptr[i + 1], b = c_.indptr[j], end = c_.indptr[j + 1];
        double sum = 0.0;
        while (a < last || b < end) {
            std::int32_t left = a < last ? x_.indices[a] : INT32_MAX, right = b < end ? c_.indices[b] : INT32_MAX;
            double x = left <= right ? static_cast<double>(x_.data[a++]) : 0.0, c = right <= left ? c_.data[b++] : 0.0;
            if (!product_)
                sum = fma(x - c, x - c, sum);
            else if (left == right)
                sum = fnma(x, c, sum);
        }
        return sum;
    }
};

template <class Keep>
inline void sparse_search(const Rows& x, const i64* ids, const SparsePoints& c, Measure measure, Keep keep) {
    with_sparse(x, [&](auto rows) {
        using T = std::decay_t<decltype(*rows.data)>;
        SparseSearch<T, Keep>(rows, x.n, ids, c, measure == PRODUCT, keep).run();
    });
}

inline void sparse_nearest(const Rows& x, const i64* ids, const SparsePoints& c, Measure measure, const Found& found) {
    sparse_search(x, ids, c, measure, Lists(found));
}

inline void sparse_within(const Rows& x, const i64* ids, const SparsePoints& c, Measure measure, double limit,
                          const Sink& sink) {
    sparse_search(x, ids, c, measure, Ball(limit, sink));
}

}  // namespace shardlearn::SHARDLEARN_ISA
