// Runs the kernels without Python, built from the same headers, and writes the bits of their results to stdout.
#include <cstdio>
#include <vector>

#include "table.hpp"

using namespace shardlearn;
using i64 = std::int64_t;
using Vector = std::vector<double>;

#define SL_JOIN_OF(a, b) a##b
#define SL_JOIN(a, b) SL_JOIN_OF(a, b)
namespace shardlearn {
extern const Table SL_JOIN(table_, SHARDLEARN_ISA);
}
static const Table& kernels = SL_JOIN(table_, SHARDLEARN_ISA);

// Doubles with 40 random bits (splitmix64): exact, and the same in Python.
static Vector numbers(std::uint64_t seed, i64 n) {
    Vector out(static_cast<std::size_t>(n));
    for (i64 i = 0; i < n; ++i) {
        std::uint64_t z = (seed << 32) + static_cast<std::uint64_t>(i) * 0x9e3779b97f4a7c15ull;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        z = (z ^ (z >> 31)) >> 24;
        out[static_cast<std::size_t>(i)] = (static_cast<double>(z) - 0x1p39) * 0x1p-38;
    }
    return out;
}

static void write(const Vector& v) { std::fwrite(v.data(), 8, v.size(), stdout); }

static void elementwise() {
    Vector x = numbers(1, 3001), out(x.size());
    for (int f = 0; f < FUNCTIONS; ++f)
        for (double scale : {1.0, 300.0, 0x1p-30}) {
            Vector at = x;
            for (double& v : at) v = (f == LOG || f == LOG1P) && v < 0 ? -v * scale : f == ASIN ? v * 0x1p-12 * scale : v * scale;
            kernels.elementwise(static_cast<Function>(f), at.data(), out.data(), static_cast<i64>(at.size()));
            write(out);
        }
}

static void algebra(i64 p) {
    Vector a = numbers(2, p * p), s(a.size()), t(a.size()), l(a.size()), right = numbers(3, 5 * p);
    for (i64 i = 0; i < p; ++i)
        for (i64 j = 0; j < p; ++j) t[static_cast<std::size_t>(j * p + i)] = a[static_cast<std::size_t>(i * p + j)];
    kernels.matmul(a.data(), t.data(), s.data(), p, p, p);
    write(s);
    write({kernels.dot(a.data(), s.data(), p * p)});
    for (i64 i = 0; i < p; ++i) s[static_cast<std::size_t>(i * p + i)] += 1.0;
    write({static_cast<double>(kernels.cholesky(s.data(), l.data(), p))});
    write(l);
    kernels.solve_lower(l.data(), right.data(), p, 5);
    write(right);
    kernels.solve_lower_t(l.data(), right.data(), p, 5);
    write(right);
    std::vector<i64> order(static_cast<std::size_t>(p));
    write({static_cast<double>(kernels.pivoted_cholesky(s.data(), l.data(), order.data(), p, 1e-9))});
    write(l);
    Vector found(order.size());
    kernels.symmetric_eigen(s.data(), found.data(), l.data(), p);
    write(found);
    write(l);
}

static void sums(const Rows& x, const Vector& pivot) {
    i64 n = x.n, p = x.p, k = 3;
    Vector w = numbers(4, k * p), b = numbers(5, k), r = numbers(6, n * k), weight = numbers(7, n), y = numbers(8, n * k);
    Vector z(r.size()), grad(w.size()), grad_b(b.size());
    for (double& v : weight) v = v < 0 ? -v : v;
    Model model = {w.data(), b.data(), pivot.data(), k};
    kernels.row_products(x, model, z.data());
    write(z);
    kernels.weighted_rows_sum(x, r.data(), k, pivot.data(), grad.data());
    write(grad);
    for (int loss = 0; loss < LOSSES; ++loss) {
        Vector codes(static_cast<std::size_t>(n));
        for (i64 i = 0; i < n; ++i) codes[static_cast<std::size_t>(i)] = static_cast<double>(i % k);
        Targets targets = {loss == MULTINOMIAL ? codes.data() : y.data(), weight.data(), static_cast<Loss>(loss)};
        grad.assign(grad.size(), 0.0), grad_b.assign(grad_b.size(), 0.0);
        GlmSums out = {0, 0, 0, grad.data(), grad_b.data()};
        kernels.glm_sums(x, model, targets, out);
        write({out.weight_sum, out.loss_hi, out.loss_lo});
        write(grad), write(grad_b);
    }
    Vector total(1), sum_x(static_cast<std::size_t>(p)), sum_y(3), g(static_cast<std::size_t>(p * p)), h(w.size()), yy(3);
    kernels.gram({x, y.data(), weight.data(), pivot.data(), nullptr, k},
                 {total.data(), sum_x.data(), sum_y.data(), g.data(), h.data(), yy.data()});
    write(total), write(sum_x), write(sum_y), write(g), write(h), write(yy);
}

int main() {
    elementwise();
    for (i64 p : {1, 7, 60, 131}) algebra(p);
    for (i64 p : {1, 3, 17, 50, 130})
        for (i64 n : {1, 63, 257, 700}) {
            Vector x = numbers(9, n * p), pivot = numbers(10, p);
            std::vector<float> small(x.begin(), x.end());
            sums({x.data(), nullptr, nullptr, n, p, false}, pivot);
            sums({small.data(), nullptr, nullptr, n, p, true}, pivot);
        }
}
