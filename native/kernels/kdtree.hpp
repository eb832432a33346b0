// The nearest rows of each point by a tree of boxes: each level halves rows at the median of the feature that is widest.
//
// A key is one chain of rounded operations, each monotone in |x - y|. So the same chain over the distances from a point to
// the sides of a box gives a number that no key of a row in the box is below, to the bit: a tree finds what comparing all
// rows finds. Boxes lie in groups of eight, which are compared with a point together.
#pragma once
#include <algorithm>
#include <vector>

#include "distances.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr i64 LEAF = 32, BRANCHES = 8;

struct Shape {  // of a tree for n rows: level 0 is that of the leaves
    i64 n, leaves = 1;
    int levels = 1, halvings = 0;
    i64 nodes[24], first[25];  // boxes of a level, and its first group

    explicit Shape(i64 rows) : n(rows) {
        while (n > leaves * LEAF) leaves *= 2, ++halvings;
        nodes[0] = leaves, first[0] = 0;
        while (nodes[levels - 1] > BRANCHES) nodes[levels] = (nodes[levels - 1] + BRANCHES - 1) / BRANCHES, ++levels;
        for (int l = 0; l < levels; ++l) first[l + 1] = first[l] + (nodes[l] + BRANCHES - 1) / BRANCHES;
    }
    i64 groups() const { return first[levels]; }
    i64 row(i64 leaf) const { return n * leaf >> halvings; }  // n < 2^31
};

inline i64 tree_leaves(i64 n) { return Shape(n).leaves; }
inline i64 tree_groups(i64 n) { return Shape(n).groups(); }

template <class T>
class Planter {
   public:
    Planter(const Rows& x, const Planted& tree) : shape_(x.n), p_(x.p), tree_(tree) {
        const T* data = static_cast<const T*>(x.data);
        rows_.assign(data, data + x.n * x.p);
        moved_.resize(rows_.size());
        marks_.resize(static_cast<std::size_t>(x.n));
        for (i64 i = 0; i < x.n; ++i) tree.order[i] = i;
    }

    void run() {
        for (i64 a = 0; a < shape_.groups() * p_; ++a)
            for (i64 i = 0; i < BRANCHES; ++i) {
                tree_.boxes[a * 2 * BRANCHES + i] = __builtin_inf();
                tree_.boxes[a * 2 * BRANCHES + BRANCHES + i] = -__builtin_inf();
            }
        if (shape_.n) grow(0, shape_.leaves);
        for (int l = 1; l < shape_.levels; ++l)
            for (i64 i = 0; i < shape_.nodes[l - 1]; ++i)
                for (i64 t = 0; t < p_; ++t) {
                    const double* from = box(l - 1, i, t);
                    widen(box(l, i / BRANCHES, t), from[0], from[BRANCHES]);
                }
    }

   private:
    struct Mark {  // a row, in the order of a feature
        double value;
        std::int32_t at, row;
        bool operator<(const Mark& b) const { return value < b.value || (value == b.value && row < b.row); }
    };
    Shape shape_;
    i64 p_;
    const Planted& tree_;
    std::vector<T> rows_, moved_;
    std::vector<Mark> marks_;

    double* box(int level, i64 i, i64 t) const {
        return tree_.boxes + ((shape_.first[level] + i / BRANCHES) * p_ + t) * 2 * BRANCHES + i % BRANCHES;
    }
    static void widen(double* box, double low, double high) {
        box[0] = least(box[0], low), box[BRANCHES] = most(box[BRANCHES], high);
    }
    const T* row(i64 i) const { return rows_.data() + i * p_; }

    void grow(i64 leaf, i64 leaves) {
        i64 from = shape_.row(leaf), to = shape_.row(leaf + leaves);
        if (leaves == 1) return finish(leaf, from, to);
        i64 t = widest(from, to), middle = shape_.row(leaf + leaves / 2);
        for (i64 i = from; i < to; ++i)
            marks_[static_cast<std::size_t>(i)] = {static_cast<double>(row(i)[t]), static_cast<std::int32_t>(i),
                                                   static_cast<std::int32_t>(tree_.order[i])};
        std::nth_element(marks_.begin() + from, marks_.begin() + middle, marks_.begin() + to);
        for (i64 i = from; i < to; ++i) {
            const Mark& mark = marks_[static_cast<std::size_t>(i)];
            std::copy_n(row(mark.at), p_, moved_.data() + i * p_);
            tree_.order[i] = mark.row;
        }
        std::copy(moved_.data() + from * p_, moved_.data() + to * p_, rows_.data() + from * p_);
        grow(leaf, leaves / 2);
        grow(leaf + leaves / 2, leaves / 2);
    }

    i64 widest(i64 from, i64 to) const {
        i64 best = 0;
        double wide = -1.0;
        for (i64 t = 0; t < p_; ++t) {
            T low = row(from)[t], high = low;
            for (i64 i = from; i < to; ++i) low = least(low, row(i)[t]), high = most(high, row(i)[t]);
            double here = static_cast<double>(high) - static_cast<double>(low);
            if (here > wide) wide = here, best = t;
        }
        return best;
    }

    void finish(i64 leaf, i64 from, i64 to) {
        for (i64 t = 0; t < p_; ++t) {
            double *out = tree_.values + (leaf * p_ + t) * LEAF, *bounds = box(0, leaf, t);
            for (i64 r = 0; r < LEAF; ++r) out[r] = from + r < to ? static_cast<double>(row(from + r)[t]) : __builtin_inf();
            for (i64 r = 0; r < to - from; ++r) widen(bounds, out[r], out[r]);
        }
    }
};

inline void plant(const Rows& x, const Planted& tree) {
    if (x.single)
        Planter<float>(x, tree).run();
    else
        Planter<double>(x, tree).run();
}

constexpr i64 SORTED = 32;  // so many are kept in order all the time

// The k nearest rows of one point after the other, and those that were found before.
class TreeLists {
   public:
    explicit TreeLists(const Found& found)
        : found_(found), k_(found.k), most_(k_ > SORTED ? k_ + k_ / 2 : k_), near_(static_cast<std::size_t>(most_ + 1)) {}
    void open(i64 j) {
        const double* square = found_.square + j * k_;
        const i64* id = found_.id + j * k_;
        for (count_ = 0; count_ < k_ && id[count_] != INT64_MAX; ++count_) near_[at(count_)] = {square[count_], id[count_]};
        limit_ = square[k_ - 1];
    }
    SL_INLINE double limit() const { return limit_; }
    SL_INLINE void add(double key, i64 id) {
        Neighbor* to = near_.data() + count_;
        const Neighbor now = {key, id};
        if (k_ > SORTED) {
            *to = now;
            if (++count_ > most_) shrink();
            return;
        }
        for (; to > near_.data() && now < to[-1]; --to) *to = to[-1];
        *to = now;
        count_ = least(count_ + 1, k_);
        if (count_ == k_) limit_ = near_[at(k_ - 1)].square;
    }
    SL_INLINE void added() {
        if (limit_ == __builtin_inf()) shrink();
    }
    void close(i64 j) {
        shrink();
        if (k_ > SORTED) std::sort(near_.begin(), near_.begin() + count_);
        for (i64 a = 0; a < count_; ++a) {
            found_.square[j * k_ + a] = near_[at(a)].square;
            found_.id[j * k_ + a] = near_[at(a)].id;
        }
    }

   private:
    const Found& found_;
    i64 k_, most_, count_ = 0;
    double limit_ = 0.0;
    std::vector<Neighbor> near_;

    static std::size_t at(i64 i) { return static_cast<std::size_t>(i); }

    void shrink() {
        if (k_ <= SORTED || count_ < k_) return;
        auto last = near_.begin() + (k_ - 1);
        std::nth_element(near_.begin(), last, near_.begin() + count_);
        limit_ = last->square;
        count_ = k_;
    }
};

class TreeBall {
   public:
    TreeBall(double limit, const Sink& sink) : limit_(limit), sink_(sink) {}
    void open(i64 j) { j_ = j; }
    SL_INLINE double limit() const { return limit_; }
    SL_INLINE void add(double key, i64 id) { sink_.take(sink_.to, j_, key, id); }
    SL_INLINE void added() {}
    void close(i64) {}

   private:
    double limit_;
    const Sink& sink_;
    i64 j_ = 0;
};

template <class Gap, class Keep>
class TreeSearch {
   public:
    TreeSearch(const Planted& tree, const i64* ids, const double* points, i64 m, Gap gap, Keep& keep)
        : tree_(tree), shape_(tree.n), ids_(ids), points_(points), m_(m), gap_(gap), keep_(keep) {}

    // How many rows were compared with points.
    i64 run() {
        if (!tree_.n) return 0;
        std::vector<std::int32_t> start(static_cast<std::size_t>(shape_.leaves + 1)), at(static_cast<std::size_t>(m_)),
            turn(static_cast<std::size_t>(m_));
        for (i64 j = 0; j < m_; ++j) ++start[static_cast<std::size_t>(at[j] = leaf_of(points_ + j * tree_.p)) + 1];
        for (i64 i = 0; i < shape_.leaves; ++i) start[i + 1] += start[i];
        for (i64 j = 0; j < m_; ++j) turn[static_cast<std::size_t>(start[at[j]]++)] = static_cast<std::int32_t>(j);
        i64 seen = 0;
        for (i64 i = 0; i < m_; ++i) {  // points of one leaf beside each other: what they need is in the cache
            const std::int32_t j = turn[static_cast<std::size_t>(i)];
            if (i + 2 < m_) fetch(at[static_cast<std::size_t>(turn[static_cast<std::size_t>(i + 2)])]);
            keep_.open(j);
            seen += search(points_ + j * tree_.p, at[static_cast<std::size_t>(j)]);
            keep_.close(j);
        }
        return seen;
    }

   private:
    const Planted& tree_;
    Shape shape_;
    const i64* ids_;
    const double* points_;
    i64 m_;
    Gap gap_;
    Keep& keep_;

    struct Node {
        double bound;
        std::int32_t level;
        i64 number;
    };

    SL_INLINE void fetch(i64 leaf) const {
        const char* from = reinterpret_cast<const char*>(tree_.values + leaf * tree_.p * LEAF);
        for (i64 a = 0; a < tree_.p * LEAF * 8; a += 64) __builtin_prefetch(from + a);
    }

    SL_INLINE void bounds(int level, i64 group, const double* point, double* out) const {
        const double* boxes = tree_.boxes + (shape_.first[level] + group) * tree_.p * 2 * BRANCHES;
        V sum[BRANCHES / W];
        for (auto& one : sum) one = zero();
        for (i64 t = 0; t < tree_.p; ++t, boxes += 2 * BRANCHES)
            for (int v = 0; v < BRANCHES / W; ++v) {
                V x = set(point[t]), below = load(boxes + v * W) - x, above = x - load(boxes + BRANCHES + v * W);
                sum[v] = gap_(sum[v], max(max(below, above), zero()));
            }
        for (int v = 0; v < BRANCHES / W; ++v) store(out + v * W, sum[v]);
    }

    int branches(int level, i64 group) const {
        return static_cast<int>(least(BRANCHES, shape_.nodes[level] - group * BRANCHES));
    }

    std::int32_t leaf_of(const double* point) const {
        i64 node = 0;
        for (int level = shape_.levels - 1; level >= 0; --level) {
            double bound[BRANCHES];
            bounds(level, node, point, bound);
            int best = 0;
            for (int i = 1; i < branches(level, node); ++i)
                if (bound[i] < bound[best]) best = i;
            node = node * BRANCHES + best;
        }
        return static_cast<std::int32_t>(node);
    }

    // The leaf that is nearest by itself, and then what may be as near as what was found there.
    i64 search(const double* point, i64 home) {
        Node stack[24 * BRANCHES];
        int height = 0;
        i64 seen = scan(home, point);
        stack[height++] = {0.0, shape_.levels, 0};
        while (height) {
            const Node node = stack[--height];
            if (keep_.limit() < node.bound) continue;
            if (node.level == 0) {
                seen += scan(node.number, point);
                continue;
            }
            double bound[BRANCHES];
            bounds(node.level - 1, node.number, point, bound);
            const int bottom = height;
            const i64 first = node.number * BRANCHES;
            for (int i = branches(node.level - 1, node.number) - 1; i >= 0; --i) {
                if (keep_.limit() < bound[i] || (node.level == 1 && first + i == home)) continue;
                int at = height++;
                for (; at > bottom && stack[at - 1].bound < bound[i]; --at) stack[at] = stack[at - 1];
                stack[at] = {bound[i], node.level - 1, first + i};
            }
        }
        return seen;
    }

    i64 scan(i64 leaf, const double* point) {
        const double* values = tree_.values + leaf * tree_.p * LEAF;
        const i64 first = shape_.row(leaf), count = shape_.row(leaf + 1) - first;
        for (i64 r = 0; r < count; r += W) {
            V sum = zero();
            for (i64 t = 0; t < tree_.p; ++t) sum = gap_(sum, absolute(load(values + t * LEAF + r) - set(point[t])));
            if (whole(lt(set(keep_.limit()), sum))) continue;
            double key[W];
            store(key, sum);
            for (i64 i = 0; i < least<i64>(W, count - r); ++i)
                if (!(keep_.limit() < key[i])) keep_.add(key[i], ids_[first + r + i]);
        }
        keep_.added();
        return count;
    }
};

template <class Keep>
inline i64 tree_search(const Planted& tree, const i64* ids, const double* points, i64 m, Measure measure, double power,
                       Keep keep) {
    auto run = [&](auto gap) { return TreeSearch<decltype(gap), Keep>(tree, ids, points, m, gap, keep).run(); };
    switch (measure) {
        case SQUARE: return run(Square{});
        case ABSOLUTE: return run(Absolute{});
        case LARGEST: return run(Largest{});
        default: return run(WholePower{static_cast<int>(power)});
    }
}

inline i64 tree_nearest(const Planted& tree, const i64* ids, const double* points, i64 m, Measure measure, double power,
                        const Found& found) {
    return tree_search(tree, ids, points, m, measure, power, TreeLists(found));
}

inline i64 tree_within(const Planted& tree, const i64* ids, const double* points, i64 m, Measure measure, double power,
                       double limit, const Sink& sink) {
    return tree_search(tree, ids, points, m, measure, power, TreeBall(limit, sink));
}

}  // namespace shardlearn::SHARDLEARN_ISA
