// Rows and points: the nearest of k, the k nearest, clusters, first centres.
#include "points.hpp"

using namespace program;

namespace {

void labels(const Table& kernels, Hash& hash, const Rows& x, const Points& c) {
    Vec<std::int32_t> label(size(x.n));
    Vector square(size(x.n));
    Vec<float> upper(size(x.n)), lower(upper);
    hash.add(kernels.nearest(x, c, {label.data(), square.data(), upper.data(), lower.data()}));
    hash.add(label, square, upper, lower);
    hash.add(kernels.nearest(x, c, {label.data(), nullptr, nullptr, nullptr}), label);
}

// From nothing known to all points; then where some rows know a distance that is less, as large or larger.
void labels_so_far(const Table& kernels, Hash& hash, const Rows& x, const Points& c) {
    Vec<std::int32_t> label(size(x.n), -1);
    Vector square(size(x.n), __builtin_inf());
    kernels.nearer(x, c, {label.data(), square.data(), 5});
    hash.add(label, square);
    for (i64 i = 0; i < x.n; ++i) square[size(i)] *= i % 3 == 0 ? 0.5 : i % 3 == 1 ? 1.0 : 2.0;
    kernels.nearer(x, c, {label.data(), square.data(), 1000});
    hash.add(label, square);
}

void by(const Table& kernels, Hash& hash, const Table2d& table, const Vector& points, i64 m) {
    table.both([&](const Rows& x) {
        Vec<i64> ids = ids_from(7, x.n);
        for (int measure = 0; measure < MEASURES; ++measure)
            for (double power : {3.0, 2.5}) {
                if (measure != POWER && power != 3.0) continue;
                Lists lists(m, 10);
                kernels.nearest_by(x, ids.data(), points.data(), m, static_cast<Measure>(measure), power, lists.found);
                hash.add(lists.key, lists.id);
            }
    });
}

void sums(const Table& kernels, Hash& hash, const Rows& x, i64 k, i64 limbs) {
    Vec<std::int32_t> label = wholes<std::int32_t>(35, x.n, 0.0, static_cast<double>(k)), before(label);
    for (i64 i = 0; i < x.n; ++i) before[size(i)] = static_cast<std::int32_t>(i % (k + 1)) - 1;
    Vec<i64> weight = wholes<i64>(36, x.n, 0.0, 9.0);
    Vector factor(size(x.p), 0x1p38);
    for (const std::int32_t* from : {static_cast<const std::int32_t*>(nullptr), static_cast<const std::int32_t*>(before.data())})
        for (const i64* of : {static_cast<const i64*>(nullptr), static_cast<const i64*>(weight.data())}) {
            Vec<i64> sum(size(limbs * k * x.p)), total(size(k));
            hash.add(kernels.cluster_sums(x, {label.data(), from, of}, {factor.data(), 40, limbs}, k, sum.data(), total.data()));
            hash.add(sum, total);
        }
}

// Weighted points and what is drawn for k of them.
template <class F>
void choices(F f) {
    for (const Shape& s : {Shape{1, 1, 1}, {9, 1, 12}, {63, 3, 7}, {200, 50, 30}})
        for (const Vector& values : {numbers(47, s.n * s.p), grid(47, s.n * s.p), odd(47, s.n * s.p, 97)})
            for (i64 trials : {1, 3, 11}) {
                Vector mass = absolute(grid(48, s.n)), draws = times(0.25, plus(2.0, numbers(49, s.k * trials)));
                f(Spread{values.data(), mass.data(), draws.data(), s.n, s.p, s.k, trials});
            }
}

}  // namespace

CASE(pack_points, "everywhere") {
    everywhere(kernels, [&](const Rows&, const Points& c) {
        for (i64 j = 0; j < c.k; ++j) hash.add(c.norm[j], c.half[j]);
        hash.add(c.scale);
    });
}
CASE(nearest, "everywhere") {
    everywhere(kernels, [&](const Rows& x, const Points& c) { labels(kernels, hash, x, c); });
}
CASE(nearest, "odd rows") {
    for (const Shape& s : SHAPES) {
        Packed packed(kernels, s.k, s.p, numbers(22, s.k * s.p), Vector(size(s.p)));
        Table2d(s.n, s.p, odd(24, s.n * s.p, 41)).both([&](const Rows& x) { labels(kernels, hash, x, packed.points); });
    }
}
CASE(nearer, "everywhere") {
    everywhere(kernels, [&](const Rows& x, const Points& c) { labels_so_far(kernels, hash, x, c); });
}
CASE(nearer, "odd rows") {
    for (const Shape& s : SHAPES) {
        Packed packed(kernels, s.k, s.p, numbers(22, s.k * s.p), Vector(size(s.p)));
        Table2d(s.n, s.p, odd(24, s.n * s.p, 41)).both([&](const Rows& x) { labels_so_far(kernels, hash, x, packed.points); });
    }
}
CASE(nearest_rows, "everywhere") {
    everywhere(kernels, [&](const Rows& x, const Points& c) {
        Vec<i64> first = ids_from(1000, x.n), second = ids_from(7, x.n);
        for (i64 k : {1, 10, 100}) {
            if (k == 100 && x.p > 16) continue;
            Lists lists(c.k, k);
            kernels.nearest_rows(x, first.data(), c, lists.found);
            hash.add(lists.key, lists.id);
            kernels.nearest_rows(x, second.data(), c, lists.found);  // the same rows under other numbers: all ties
            hash.add(lists.key, lists.id);
        }
    });
}
CASE(nearest_by, "numbers, ties and odd values") {
    for (const Shape& s : {SHAPES[0], SHAPES[1], SHAPES[3], SHAPES[4]}) {
        by(kernels, hash, {s.n, s.p, numbers(25, s.n * s.p)}, numbers(26, s.k * s.p), s.k);
        by(kernels, hash, {s.n, s.p, grid(25, s.n * s.p)}, grid(26, s.k * s.p), s.k);
        by(kernels, hash, {s.n, s.p, odd(25, s.n * s.p, 59)}, numbers(26, s.k * s.p), s.k);
    }
}
CASE(unit_rows, "everywhere") {
    everywhere(kernels, [&](const Rows& x, const Points&) {
        for (int side : {0, 1}) {
            Vector out(size(x.n * (x.p + 2)));
            kernels.unit_rows(x, side, out.data());
            hash.add(out);
        }
    });
}
CASE(dense_squares, "everywhere") {
    everywhere(kernels, [&](const Rows& x, const Points& c) {
        Vector out(size(x.n * c.k));
        kernels.dense_squares(x, c.values, c.k, out.data());
        hash.add(out);
    });
}
CASE(cluster_sums, "dense and sparse") {
    for (const Shape& s : {Shape{1, 1, 1}, {300, 17, 5}, {90, 400, 9}})
        for (i64 limbs : {1, 2})
            for (const Vector& values : {numbers(37, s.n * s.p), grid(37, s.n * s.p), times(1e-300, numbers(37, s.n * s.p))}) {
                Table2d(s.n, s.p, values).both([&](const Rows& x) { sums(kernels, hash, x, s.k, limbs); });
                Table2d::sparse(s.n, s.p, values, 38).both([&](const Rows& x) { sums(kernels, hash, x, s.k, limbs); });
            }
}
CASE(cluster_means, "of several limbs, some of nothing") {
    for (const Shape& s : {Shape{1, 1, 1}, {1, 17, 5}, {1, 400, 9}})
        for (i64 limbs : {1, 2, 3}) {
            Vec<i64> sum = wholes<i64>(44, limbs * s.k * s.p, -0x1p44, 0x1p44), weight = wholes<i64>(45, s.k, 0.0, 9.0);
            Vector factor(size(s.p), 0x1p38), centers = numbers(46, s.k * s.p);
            weight.back() = 0;
            kernels.cluster_means(sum.data(), weight.data(), {factor.data(), 40, limbs}, s.k, s.p, centers.data());
            hash.add(centers);
            for (int more = 0; more < 2; ++more) {
                Vec<i64> next = wholes<i64>(47 + more, s.k, 0.0, 9.0);
                weight.insert(weight.end(), next.begin(), next.end());
            }
            kernels.cluster_means(sum.data(), weight.data(), {factor.data(), 40, 1, limbs, 9}, s.k, s.p, centers.data());
            hash.add(centers);
        }
}
CASE(point_squares, "numbers, ties, odd values") {
    choices([&](const Spread& s) {
        Vector squares(size(s.m * s.m));
        kernels.point_squares(s, squares.data());
        hash.add(squares);
    });
}
CASE(spread, "numbers, ties, odd values") {
    choices([&](const Spread& s) {
        Vector squares(size(s.m * s.m));
        kernels.point_squares(s, squares.data());
        for (const double* known : {static_cast<const double*>(nullptr), static_cast<const double*>(squares.data())}) {
            Vec<i64> chosen(size(s.k));
            kernels.spread(s, known, chosen.data());
            hash.add(chosen);
        }
    });
}
CASE(loosen, "numbers and odd values") {
    i64 n = 501, k = 7;
    Vec<float> moved = single(absolute(numbers(39, k)));
    for (const Vector& bounds : {absolute(numbers(40, n)), odd(40, n, 5)}) {
        Vec<std::int32_t> label = wholes<std::int32_t>(41, n, 0.0, static_cast<double>(k));
        Vec<float> upper = single(bounds), lower = single(plus(0.5, bounds));
        Vec<i64> doubtful(size(n));
        i64 found = kernels.loosen({label.data(), moved.data(), 2.0f, 1.5f, upper.data(), lower.data()}, n, doubtful.data());
        doubtful.resize(size(found));
        hash.add(upper, lower, doubtful);
    }
}
CASE(double_sum, "every length, odd values") {
    for (i64 n = 0; n < 140; ++n)
        for (const Vector& x : {numbers(42, n), times(1e-310, numbers(42, n)), odd(42, n, 120)}) {
            Vector weight = absolute(numbers(43, n));
            for (const double* of : {static_cast<const double*>(nullptr), static_cast<const double*>(weight.data())}) {
                double high, low;
                kernels.double_sum(x.data(), of, n, &high, &low);
                hash.add(high, low);
            }
        }
}
