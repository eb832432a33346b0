// Pairs of points and rows that a search within a limit found, as arrays; or how many of each point there are.
#pragma once
#include <vector>

#include "arrays.hpp"

namespace shardlearn {

class Hits {
   public:
    // Counts, added to, where they are given; then nothing else is kept.
    Hits(const std::optional<Out<i64>>& counts, i64 m) : counts_(counts ? values(*counts, {m}, "counts") : nullptr) {}
    Sink sink() { return {this, take}; }
    nb::tuple arrays() { return nb::make_tuple(array(points_), array(keys_), array(ids_)); }

   private:
    i64* counts_;
    std::vector<std::int32_t> points_;
    std::vector<double> keys_;
    std::vector<i64> ids_;

    static void take(void* to, i64 point, double key, i64 id) {
        Hits& hits = *static_cast<Hits*>(to);
        if (hits.counts_) {
            ++hits.counts_[point];
            return;
        }
        hits.points_.push_back(static_cast<std::int32_t>(point));
        hits.keys_.push_back(key);
        hits.ids_.push_back(id);
    }

    template <class T>
    static nb::ndarray<nb::numpy, T, nb::ndim<1>> array(std::vector<T>& from) {
        auto* kept = new std::vector<T>(std::move(from));
        nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
        return nb::ndarray<nb::numpy, T, nb::ndim<1>>(kept->data(), {kept->size()}, owner);
    }
};

}  // namespace shardlearn
