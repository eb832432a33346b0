// Sparse rows and centres that lie across; sums of clusters as lists of cells.
#include "program.hpp"

using namespace program;

namespace {

constexpr i64 ROOM = 40;

struct Shape {
    i64 n, p, k;
};
const Shape SHAPES[] = {{1, 1, 1}, {90, 40, 9}, {60, 300, 17}, {50, 70, 75}};

struct Centers {  // a line of them for each feature
    i64 line;
    Vector values, half;
    Across across;

    Centers(const Table& kernels, const Shape& s, const Vector& points)
        : line((s.k + 7) / 8 * 8), values(size(s.p * line)), half(size(line)), across{values.data(), half.data(), s.k, line} {
        kernels.pack_across(points.data(), s.k, s.p, line, values.data());
        kernels.halves(values.data(), s.k, s.p, line, half.data());
    }
    Centers(const Centers&) = delete;
};
template <class F>
void compared(const Table& kernels, F f) {
    for (const Shape& s : SHAPES)
        for (const Vector& values : {numbers(32, s.n * s.p), grid(32, s.n * s.p), odd(32, s.n * s.p, 23)})
            for (const Vector& points : {numbers(33, s.p * s.k), grid(33, s.p * s.k), odd(33, s.p * s.k, 101)}) {
                Centers c(kernels, s, points);
                Table2d::sparse(s.n, s.p, values, 34).both([&](const Rows& x) { f(x, c); });
            }
}

struct List {
    i64 count;  // limbs of a cell
    Vec<i64> at, limbs;
    Cells cells;

    List(i64 room, i64 each) : count(each), at(size(room)), limbs(size(room * each)), cells{at.data(), limbs.data(), 0} {}
    List(const List&) = delete;
    void add_to(Hash& hash) const {
        for (i64 i = 0; i < cells.n; ++i) hash.add(at[size(i)]);
        for (i64 i = 0; i < cells.n * count; ++i) hash.add(limbs[size(i)]);
    }
};

struct Moving {  // rows go to clusters, then on to others: what each step adds, and all of it
    Vec<std::int32_t> label, later;
    Vec<i64> weight, total;
    Vector factor;
    i64 changed;
    List first, second, both;

    Moving(const Table& kernels, const Rows& x, i64 k, i64 limbs, bool weighted)
        : label(wholes<std::int32_t>(35, x.n, 0.0, static_cast<double>(k))), later(label), weight(wholes<i64>(36, x.n, 0.0, 9.0)),
          total(size(k)), factor(size(x.p), 0x1p38), first(x.indptr[x.n], limbs), second(2 * x.indptr[x.n], limbs),
          both(3 * x.indptr[x.n], limbs) {
        for (i64 i = 0; i < x.n; i += 3) later[size(i)] = static_cast<std::int32_t>(i % k);
        const i64* of = weighted ? weight.data() : nullptr;
        Fixed fixed = {factor.data(), ROOM, limbs};
        changed = kernels.moved_cells(x, {label.data(), nullptr, of}, fixed, k, total.data(), first.cells);
        changed += kernels.moved_cells(x, {later.data(), label.data(), of}, fixed, k, total.data(), second.cells);
        both.cells.n = kernels.join_cells(first.cells, second.cells, limbs, both.cells);
    }
    Moving(const Moving&) = delete;
    Vec<i64> table(const Table& kernels, const Shape& s, i64 line) const {  // of both steps
        Vec<i64> sums(size(both.count * s.p * line));
        kernels.add_cells(both.cells, s.k, s.p, line, both.count, sums.data());
        return sums;
    }
};
// f(shape, rows' sums)
template <class F>
void moving(const Table& kernels, F f) {
    for (const Shape& s : SHAPES)
        for (const Vector& values : {numbers(37, s.n * s.p), grid(37, s.n * s.p), times(1e-300, numbers(37, s.n * s.p))})
            Table2d::sparse(s.n, s.p, values, 38).both([&](const Rows& x) {
                for (i64 limbs : {1, 2})
                    for (bool weighted : {false, true}) f(s, Moving(kernels, x, s.k, limbs, weighted));
            });
}

}  // namespace

CASE(pack_across, "numbers") {
    compared(kernels, [&](const Rows&, const Centers& c) { hash.add(c.values); });
}
CASE(halves, "numbers, ties, odd values") {
    compared(kernels, [&](const Rows&, const Centers& c) { hash.add(c.half); });
}
CASE(nearest_sparse, "numbers, ties, odd values") {
    compared(kernels, [&](const Rows& x, const Centers& c) {
        Vec<std::int32_t> label(size(x.n));
        Vector square(size(x.n));
        kernels.nearest_sparse(x, c.across, label.data(), square.data());
        hash.add(label, square);
        kernels.nearest_sparse(x, c.across, label.data(), nullptr);
        hash.add(label);
    });
}
CASE(sparse_squares, "numbers, ties, odd values") {
    compared(kernels, [&](const Rows& x, const Centers& c) {
        Vector out(size(x.n * c.across.k));
        kernels.sparse_squares(x, c.across, out.data());
        hash.add(out);
    });
}
CASE(moved_cells, "rows that move") {
    moving(kernels, [&](const Shape&, const Moving& m) {
        hash.add(m.changed, m.total);
        m.first.add_to(hash), m.second.add_to(hash);
    });
}
CASE(join_cells, "rows that move") {
    moving(kernels, [&](const Shape&, const Moving& m) { m.both.add_to(hash); });
}
CASE(add_cells, "rows that move") {
    moving(kernels, [&](const Shape& s, const Moving& m) { hash.add(m.table(kernels, s, (s.k + 7) / 8 * 8)); });
}
CASE(line_means, "rows that move") {
    moving(kernels, [&](const Shape& s, const Moving& m) {
        Centers old(kernels, s, numbers(39, s.p * s.k));
        Vector means(old.values.size()), squares(size(s.k));
        Means to = {m.total.data(), old.values.data(), {m.factor.data(), ROOM, m.both.count}, s.k, s.p, old.line};
        Vec<i64> table = m.table(kernels, s, old.line);
        kernels.line_means(table.data(), to, means.data(), squares.data());
        hash.add(means, squares);
        if (to.fixed.limbs == 2) {  // the same as two layers of one limb each
            Vec<i64> weight = m.total;
            weight.insert(weight.end(), m.total.begin(), m.total.end());
            to.weight = weight.data(), to.fixed = {m.factor.data(), ROOM, 1, 2, 7};
            kernels.line_means(table.data(), to, means.data(), squares.data());
            hash.add(means, squares);
        }
    });
}
CASE(unit_lines, "means, some of no weight or length") {
    moving(kernels, [&](const Shape& s, const Moving& m) {
        Centers old(kernels, s, numbers(39, s.p * s.k));
        Vector means(old.values.size()), squares(size(s.k));
        Means to = {m.total.data(), old.values.data(), {m.factor.data(), ROOM, m.both.count}, s.k, s.p, old.line};
        kernels.line_means(m.table(kernels, s, old.line).data(), to, means.data(), squares.data());
        kernels.unit_lines(to, means.data(), squares.data());
        hash.add(means, squares);
    });
}
