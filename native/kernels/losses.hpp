// Losses and their slopes in z, on tiles of 64 rows, and the exact-to-the-last-bit sum of loss values.
#pragma once
#include "vectors.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr i64 TILE = 64;  // rows

SL_INLINE void squared(V z, V y, V& value, V& slope) {
    slope = z - y;
    value = set(0.5) * slope * slope;
}
SL_INLINE void logistic(V z, V y, V& value, V& slope) {
    V e = small_exp(z);
    value = softplus_of(z, e) - y * z;
    slope = expit_of(z, e) - y;
}
SL_INLINE void poisson(V z, V y, V& value, V& slope) {
    V mean = exp(z);
    value = mean - y * z;
    slope = mean - y;
}

// value[i] = sum over columns of f(z, y), and z becomes the slope; z and y are (k, TILE).
template <class F>
SL_INLINE void columns_loss(double* z, const double* y, i64 rows, i64 k, double* value, F f) {
    for (i64 i = 0; i < rows; i += W) {
        V total = zero();
        for (i64 q = 0; q < k; ++q) {
            V one, slope;
            f(load(z + q * TILE + i), load(y + q * TILE + i), one, slope);
            total = total + one;
            store(z + q * TILE + i, slope);
        }
        store(value + i, total);
    }
}

// log sum_q exp(z_q) - z_y with the largest z taken out; z becomes softmax - onehot. y is (TILE,) of codes.
SL_INLINE void multinomial_loss(double* z, const double* y, i64 rows, i64 k, double* value) {
    for (i64 i = 0; i < rows; i += W) {
        V code = load(y + i), top = load(z + i), sum = zero(), chosen = zero();
        for (i64 q = 1; q < k; ++q) top = max(load(z + q * TILE + i), top);
        for (i64 q = 0; q < k; ++q) {
            V shifted = load(z + q * TILE + i) - top, e = exp(shifted);
            chosen = select(eq(code, set(static_cast<double>(q))), shifted, chosen);
            sum = sum + e;
            store(z + q * TILE + i, e);
        }
        for (i64 q = 0; q < k; ++q) {
            V hot = select(eq(code, set(static_cast<double>(q))), set(1.0), zero());
            store(z + q * TILE + i, load(z + q * TILE + i) / sum - hot);
        }
        store(value + i, log(sum) - chosen);
    }
}

inline i64 target_columns(Loss loss, i64 k) { return loss == MULTINOMIAL ? 1 : k; }

// Values and slopes of up to TILE rows; `target` is room for (k, TILE), y the rows' own (rows, k) or (rows,).
inline void tile_losses(Loss loss, double* z, const double* y, i64 rows, i64 k, double* target, double* value) {
    i64 columns = target_columns(loss, k), padded = (rows + W - 1) / W * W;
    for (i64 q = 0; q < columns; ++q) {
        for (i64 i = 0; i < rows; ++i) target[q * TILE + i] = y[i * columns + q];
        for (i64 i = rows; i < padded; ++i) target[q * TILE + i] = 0.0;
    }
    for (i64 q = 0; q < k; ++q)
        for (i64 i = rows; i < padded; ++i) z[q * TILE + i] = 0.0;
    switch (loss) {
        case SQUARED: return columns_loss(z, target, padded, k, value, [](V a, V b, V& v, V& s) { squared(a, b, v, s); });
        case LOGISTIC: return columns_loss(z, target, padded, k, value, [](V a, V b, V& v, V& s) { logistic(a, b, v, s); });
        case POISSON: return columns_loss(z, target, padded, k, value, [](V a, V b, V& v, V& s) { poisson(a, b, v, s); });
        case MULTINOMIAL: return multinomial_loss(z, target, padded, k, value);
        default: return;
    }
}

// A double-double sum in 16 lanes: lane l takes the rows i of the block with i mod 16 == l.
struct LaneSum {
    double high[LANES], low[LANES];

    void add(const double* value, i64 rows) {
        for (i64 i = 0; i < rows; i += LANES)
            for (int v = 0; v < LANES; v += W) {
                int count = inside(rows - i, v / W);
                V x = load_n(value + i + v, count), h = load(high + v);
                V s = h + x, back = s - h;
                store(low + v, load(low + v) + ((h - (s - back)) + (x - back)));
                store(high + v, s);
            }
    }
    void total(double& hi, double& lo) {
        for (int half = LANES / 2; half > 0; half /= 2)
            for (int l = 0; l < half; ++l) {
                double a = high[l], b = high[l + half], s = a + b, back = s - a;
                double error = ((a - (s - back)) + (b - back)) + (low[l] + low[l + half]);
                bool finite = s - s == 0.0;
                high[l] = finite ? s + error : s;
                low[l] = finite ? error - (high[l] - s) : 0.0;
            }
        hi = high[0], lo = low[0];
    }
};

inline void glm_values(const double* z, const Targets& t, i64 n, i64 k, double* value, double* slope) {
    double* tile = scratch(0, k * TILE);
    double* target = scratch(1, k * TILE);
    double values[TILE];
    for (i64 i = 0; i < n; i += TILE) {
        i64 rows = least(TILE, n - i);
        for (i64 q = 0; q < k; ++q)
            for (i64 r = 0; r < rows; ++r) tile[q * TILE + r] = z[(i + r) * k + q];
        tile_losses(t.loss, tile, t.y + i * target_columns(t.loss, k), rows, k, target, values);
        for (i64 r = 0; r < rows; ++r) value[i + r] = values[r];
        for (i64 q = 0; q < k; ++q)
            for (i64 r = 0; r < rows; ++r) slope[(i + r) * k + q] = tile[q * TILE + r];
    }
}

}  // namespace shardlearn::SHARDLEARN_ISA
