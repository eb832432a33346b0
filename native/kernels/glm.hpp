// One pass of a generalised linear model: z, loss, slope and gradient of a tile while it is in cache.
#pragma once
#include "csr.hpp"
#include "losses.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr i64 NEAR = 32 << 10;  // bytes: of the first cache

struct GlmTile {
    double* z;       // (k, TILE): z, then the slopes
    double* target;  // (k, TILE)
    double value[TILE];
};

SL_INLINE void times_weight(GlmTile& tile, const double* weight, i64 rows, i64 k) {
    for (i64 i = 0; i < rows; i += W) {
        int count = static_cast<int>(least<i64>(W, rows - i));
        V by = load_some(weight + i, count);
        store(tile.value + i, load(tile.value + i) * by);
        for (i64 q = 0; q < k; ++q) store(tile.z + q * TILE + i, load(tile.z + q * TILE + i) * by);
    }
}

// Rows whose features stay near until they are used a second time; the bits don't depend on it.
template <class T, bool PIVOT>
SL_INLINE i64 tile_rows(const Dense<T, PIVOT>& x) {
    i64 rows = TILE;
    while (rows > LANES && rows * x.p * static_cast<i64>(sizeof(T)) > NEAR) rows /= 2;
    return rows;
}
template <class X>
SL_INLINE i64 tile_rows(const X&) {  // sparse
    return TILE;
}

template <class X>
inline void glm_pass(const X& x, i64 n, const Model& m, const Targets& t, GlmSums& out) {
    i64 k = m.k, y_columns = target_columns(t.loss, k);
    GlmTile tile;
    tile.z = scratch(1, k * TILE), tile.target = scratch(2, k * TILE);
    double *part = zeros(0, part_size(x, k)), *part_b = zeros(3, k);
    LaneSum loss = {};
    i64 step = tile_rows(x);
    for (i64 i = 0; i < n; i += step) {
        i64 rows = least(step, n - i);
        X here = x.from(i);
        tile_products(here, rows, m, tile.z, TILE);
        tile_losses(t.loss, tile.z, t.y + i * y_columns, rows, k, tile.target, tile.value);
        if (t.weight) times_weight(tile, t.weight + i, rows, k);
        loss.add(tile.value, rows);
        chain_rows(here, rows, k, {tile.z, 1, TILE}, part);
        for (i64 q = 0; q < k; ++q)
            for (i64 r = 0; r < rows; ++r) part_b[q] += tile.z[q * TILE + r];
        if ((i + step) % SUB_LEAF == 0 || i + step >= n) {
            i64 start = i / SUB_LEAF * SUB_LEAF;
            flush_all(x.from(start), i + rows - start, k, part, out.grad);
            flush(part_b, out.grad_b, k);
        }
    }
    finish(x, part, out.grad);
    loss.total(out.loss_hi, out.loss_lo);
}

inline void glm_sums(const Rows& x, const Model& m, const Targets& t, GlmSums& out) {
    out.weight_sum = weight_total(t.weight, x.n, 0.0);
    with_model(x, m.pivot, m.w, m.k, [&](auto rows) { glm_pass(rows, x.n, m, t, out); });
}

}  // namespace shardlearn::SHARDLEARN_ISA
