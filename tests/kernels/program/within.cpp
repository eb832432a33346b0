// All rows within a limit of each point; sparse rows among sparse points; rows over their lengths.
#include "points.hpp"

using namespace program;

namespace {

// f(rows, points) of sparse rows, and points that are sparse rows in float64.
template <class F>
void sparsely(F f) {
    for (const Shape& s : {Shape{1, 1, 1}, {90, 40, 9}, {60, 300, 17}, {50, 70, 600}})
        for (const Vector& values : {numbers(54, s.n * s.p), grid(54, s.n * s.p), times(1e-310, numbers(54, s.n * s.p)),
                                     times(1e300, numbers(54, s.n * s.p))}) {
            Table2d points = Table2d::sparse(s.k, s.p, grid(55, s.k * s.p), 56);
            SparsePoints c = {points.wide.data(), points.indices.data(), points.indptr.data(), s.k, s.p};
            Table2d::sparse(s.n, s.p, values, 57).both([&](const Rows& x) { f(x, c); });
        }
}

// f(rows) of dense and sparse rows, some of them zeros.
template <class F>
void lengths(F f) {
    for (const Shape& s : SHAPES)
        for (const Vector& values : {numbers(58, s.n * s.p), times(1e-310, numbers(58, s.n * s.p)), times(1e300, numbers(58, s.n * s.p))}) {
            Vector some = values;
            for (i64 i = 0; i < s.n * s.p; ++i) some[size(i)] *= i / s.p % 5 == 3 ? 0.0 : 1.0;
            f(Table2d(s.n, s.p, some)), f(Table2d::sparse(s.n, s.p, some, 59));
        }
}

template <class T>
void unit_of(const Table& kernels, Hash& hash, const Rows& x, i64 values) {
    Vec<T> out(size(values));
    Vec<char> none(size(x.n));
    kernels.normalize(x, out.data(), reinterpret_cast<bool*>(none.data()));
    hash.add(out, none);
}

}  // namespace

CASE(rows_within, "everywhere") {
    everywhere(kernels, [&](const Rows& x, const Points& c) {
        Vec<i64> ids = ids_from(7, x.n);
        for (double limit : {0.0, 2.0, 1.5 * static_cast<double>(x.p), 1e300}) {
            if (limit == 1e300 && x.p > 16) continue;
            Pairs pairs;
            kernels.rows_within(x, ids.data(), c, limit, pairs.sink);
            pairs.add_to(hash);
        }
    });
}
CASE(within_by, "numbers and ties") {
    for (const Shape& s : {SHAPES[0], SHAPES[1], SHAPES[3]})
        for (const Vector& values : {numbers(25, s.n * s.p), grid(25, s.n * s.p)})
            Table2d(s.n, s.p, values).both([&](const Rows& x) {
                Vec<i64> ids = ids_from(7, x.n);
                Vector points = grid(26, s.k * s.p);
                for (int measure = 0; measure < MEASURES; ++measure)
                    for (double power : {3.0, 2.5}) {
                        if (measure != POWER && power != 3.0) continue;
                        for (double limit : {0.0, 2.0, static_cast<double>(4 * s.p)}) {
                            Pairs pairs;
                            auto by = static_cast<Measure>(measure);
                            kernels.within_by(x, ids.data(), points.data(), s.k, by, power, limit, pairs.sink);
                            pairs.add_to(hash);
                        }
                    }
            });
}
CASE(sparse_nearest, "numbers, ties, large and small") {
    sparsely([&](const Rows& x, const SparsePoints& c) {
        Vec<i64> ids = ids_from(7, x.n);
        for (Measure measure : {SQUARE, PRODUCT})
            for (i64 k : {1, 10}) {
                Lists lists(c.m, k);
                kernels.sparse_nearest(x, ids.data(), c, measure, lists.found);
                hash.add(lists.key, lists.id);
            }
    });
}
CASE(sparse_within, "numbers, ties, large and small") {
    sparsely([&](const Rows& x, const SparsePoints& c) {
        Vec<i64> ids = ids_from(7, x.n);
        for (Measure measure : {SQUARE, PRODUCT})
            for (double limit : {0.0, 2.0, static_cast<double>(x.p)}) {
                Pairs pairs;
                kernels.sparse_within(x, ids.data(), c, measure, limit, pairs.sink);
                pairs.add_to(hash);
            }
    });
}
CASE(unit_values, "sparse, large and small") {
    lengths([&](const Table2d& table) {
        if (table.indptr.empty()) return;
        table.both([&](const Rows& x) {
            Vector out(table.wide.size());
            kernels.unit_values(x, out.data());
            hash.add(out);
        });
    });
}
CASE(normalize, "dense and sparse, large and small") {
    lengths([&](const Table2d& table) {
        i64 values = static_cast<i64>(table.wide.size());
        unit_of<double>(kernels, hash, table.rows(false), values);
        unit_of<float>(kernels, hash, table.rows(true), values);
    });
}
