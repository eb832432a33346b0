// Products and sums over rows: generalised linear models, moments, columns.
#include "program.hpp"

using namespace program;

namespace {

constexpr i64 K = 3;
const i64 COLUMNS[] = {1, 3, 17, 50, 130}, ROWS[] = {1, 63, 257, 700};

struct Sample {
    Table2d x;
    Vector pivot;
    const double* middle() const { return pivot.empty() ? nullptr : pivot.data(); }
};

template <class F>
void dense(F f) {
    for (i64 p : COLUMNS)
        for (i64 n : ROWS) f(Sample{{n, p, numbers(9, n * p)}, numbers(10, p)});
}
// Sparse rows, no pivot, values that are odd, and none at all.
template <class F>
void others(F f) {
    for (i64 n : {0, 5, 300})
        for (i64 p : {1, 18, 90}) {
            f(Sample{Table2d::sparse(n, p, numbers(11, n * p), 12), {}});
            f(Sample{Table2d::sparse(n, p, odd(11, n * p, 31), 12), {}});
            f(Sample{{n, p, odd(13, n * p, 101)}, {}});
            f(Sample{{n, p, times(1e-300, numbers(13, n * p))}, numbers(14, p)});
        }
}

void products(const Table& kernels, Hash& hash, const Sample& s, i64 k) {
    Vector w = numbers(4, k * s.x.p), b = numbers(5, k), z(size(s.x.n * k));
    s.x.both([&](const Rows& x) {
        kernels.row_products(x, {w.data(), b.data(), s.middle(), k}, z.data());
        hash.add(z);
    });
}
void weighted(const Table& kernels, Hash& hash, const Sample& s, i64 k) {
    s.x.both([&](const Rows& x) {
        Vector r = numbers(6, x.n * k), sum(size(k * x.p));
        kernels.weighted_rows_sum(x, r.data(), k, s.middle(), sum.data());
        hash.add(sum);
    });
}
void losses(const Table& kernels, Hash& hash, const Sample& s, bool weights) {
    i64 n = s.x.n, k = K;
    Vector w = numbers(4, k * s.x.p), b = numbers(5, k), weight = absolute(numbers(7, n)), y = numbers(8, n * k), codes;
    for (i64 i = 0; i < n; ++i) codes.push_back(static_cast<double>(i % k));
    s.x.both([&](const Rows& x) {
        for (int loss = 0; loss < LOSSES; ++loss) {
            Vector grad(w.size()), grad_b(b.size());
            Targets targets = {loss == MULTINOMIAL ? codes.data() : y.data(), weights ? weight.data() : nullptr,
                               static_cast<Loss>(loss)};
            GlmSums out = {0, 0, 0, grad.data(), grad_b.data()};
            kernels.glm_sums(x, {w.data(), b.data(), s.middle(), k}, targets, out);
            hash.add(out.weight_sum, out.loss_hi, out.loss_lo, grad, grad_b);
        }
    });
}
void grams(const Table& kernels, Hash& hash, const Sample& s, bool weights) {
    i64 n = s.x.n, p = s.x.p, k = K;
    Vector weight = absolute(numbers(7, n)), y = numbers(8, n * k);
    s.x.both([&](const Rows& x) {
        Vector total(1), sum_x(size(p)), sum_y(size(k)), g(size(p * p)), h(size(k * p)), yy(size(k));
        kernels.gram({x, y.data(), weights ? weight.data() : nullptr, s.middle(), nullptr, k},
                     {total.data(), sum_x.data(), sum_y.data(), g.data(), h.data(), yy.data()});
        hash.add(total, sum_x, sum_y, g, h, yy);
    });
}
void moments(const Table& kernels, Hash& hash, const Sample& s) {
    Vector weight = absolute(numbers(7, s.x.n));
    s.x.both([&](const Rows& x) {
        for (const double* by : {static_cast<const double*>(nullptr), static_cast<const double*>(weight.data())}) {
            Vector sum(size(x.p)), squares(size(x.p));
            hash.add(kernels.moments(x, by, s.middle(), sum.data(), squares.data()), sum, squares);
        }
    });
}
void columns(const Table& kernels, Hash& hash, const Sample& s) {
    s.x.both([&](const Rows& x) {
        Vector low(size(x.p)), high(size(x.p));
        kernels.column_range(x, low.data(), high.data());
        hash.add(low, high);
    });
}

}  // namespace

CASE(row_products, "numbers") {
    dense([&](const Sample& s) { products(kernels, hash, s, K); });
}
CASE(row_products, "others") {
    for (i64 k : {1, 5}) others([&](const Sample& s) { products(kernels, hash, s, k); });
}
CASE(weighted_rows_sum, "numbers") {
    dense([&](const Sample& s) { weighted(kernels, hash, s, K); });
}
CASE(weighted_rows_sum, "others") {
    for (i64 k : {1, 5}) others([&](const Sample& s) { weighted(kernels, hash, s, k); });
}
CASE(glm_sums, "numbers") {
    dense([&](const Sample& s) { losses(kernels, hash, s, true); });
}
CASE(glm_sums, "others") {
    others([&](const Sample& s) { losses(kernels, hash, s, false); });
}
CASE(glm_values, "numbers and odd values") {
    for (i64 n : {1, 63, 130})
        for (i64 k : {2, 5})
            for (int loss = 0; loss < LOSSES; ++loss)
                for (const Vector& z : {numbers(15, n * k), odd(15, n * k, 11)}) {
                    Vector y = grid(16, n * k), value(size(n)), slope(size(n * k));
                    kernels.glm_values(z.data(), {y.data(), nullptr, static_cast<Loss>(loss)}, n, k, value.data(), slope.data());
                    hash.add(value, slope);
                }
}
CASE(gram, "numbers") {
    dense([&](const Sample& s) { grams(kernels, hash, s, true); });
}
CASE(gram, "others") {
    others([&](const Sample& s) { grams(kernels, hash, s, false); });
}
CASE(gram, "wide") { grams(kernels, hash, {{260, 330, numbers(9, 260 * 330)}, numbers(10, 330)}, false); }
CASE(moments, "numbers") {
    dense([&](const Sample& s) { moments(kernels, hash, s); });
}
CASE(moments, "others") {
    others([&](const Sample& s) { moments(kernels, hash, s); });
}
CASE(column_range, "numbers") {
    dense([&](const Sample& s) { columns(kernels, hash, s); });
}
CASE(column_range, "others") {
    others([&](const Sample& s) { columns(kernels, hash, s); });
}
CASE(all_finite, "numbers and odd values") {
    for (i64 n = 0; n < 150; ++n)
        for (double last : {1.0, __builtin_inf(), __builtin_nan("")}) {
            Vector x = numbers(17, n + 1);
            x.back() = last;
            hash.add(kernels.all_finite(x.data(), false, n + 1), kernels.all_finite(single(x).data(), true, n + 1));
        }
}
CASE(count_bad, "others") {
    others([&](const Sample& s) {
        s.x.both([&](const Rows& x) {
            Vec<i64> nans(size(x.p)), infs(nans), first_nan(nans), first_inf(nans);
            kernels.count_bad(x, {nans.data(), infs.data(), first_nan.data(), first_inf.data()});
            hash.add(nans, infs, first_nan, first_inf);
        });
    });
}
