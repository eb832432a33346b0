// What a search keeps of the rows that it meets: the k nearest of each point, or all within a limit.
//
// Some points are looked at together: they are `open`. Rows with keys not above a point's `limit` are added, and `added` says
// when that may be more than is kept. So many of a point are `wanted`; 0: all.
#pragma once
#include <algorithm>
#include <vector>

#include "neighbors.hpp"

namespace shardlearn::SHARDLEARN_ISA {

class Lists {
   public:
    explicit Lists(const Found& found) : found_(found) {}
    void open(i64 first, i64 count) {
        first_ = first, count_ = count;
        if (static_cast<i64>(near_.size()) < count) near_.resize(static_cast<std::size_t>(count));
    }
    i64 wanted() const { return found_.k; }
    SL_INLINE double limit(i64 j) const { return found_.square[(first_ + j) * found_.k + found_.k - 1]; }
    SL_INLINE void add(i64 j, double key, i64 id) { near_[static_cast<std::size_t>(j)].push_back({key, id}); }
    SL_INLINE void added(i64 j) {
        if (static_cast<i64>(near_[static_cast<std::size_t>(j)].size()) > found_.k + 64) settle(j);
    }
    void close() {
        for (i64 j = 0; j < count_; ++j) settle(j);
    }

   private:
    const Found& found_;
    i64 first_ = 0, count_ = 0;
    std::vector<std::vector<Neighbor>> near_;
    std::vector<Neighbor> old_;

    void settle(i64 j) {
        auto& near = near_[static_cast<std::size_t>(j)];
        std::sort(near.begin(), near.end());
        double* square = found_.square + (first_ + j) * found_.k;
        i64* id = found_.id + (first_ + j) * found_.k;
        old_.clear();
        for (i64 a = 0; a < found_.k; ++a) old_.push_back({square[a], id[a]});
        auto old = old_.begin();
        auto now = near.begin();
        for (i64 a = 0; a < found_.k; ++a) {
            Neighbor next = now != near.end() && *now < *old ? *now++ : *old++;
            square[a] = next.square, id[a] = next.id;
        }
        near.clear();
    }
};

class Ball {
   public:
    Ball(double limit, const Sink& sink) : limit_(limit), sink_(sink) {}
    void open(i64 first, i64) { first_ = first; }
    i64 wanted() const { return 0; }
    SL_INLINE double limit(i64) const { return limit_; }
    SL_INLINE void add(i64 j, double key, i64 id) { sink_.take(sink_.to, first_ + j, key, id); }
    SL_INLINE void added(i64) {}
    void close() {}

   private:
    double limit_;
    const Sink& sink_;
    i64 first_ = 0;
};

}  // namespace shardlearn::SHARDLEARN_ISA
