// Weighted second moments: chains over the rows of a sub-leaf, sub-leaves added in order.
#pragma once
#include "csr.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr int COLUMNS = 8;                          // of a packed block
constexpr i64 STRIDE = (SUB_LEAF + 1) * COLUMNS;    // from block to block: a line more, lest blocks share a cache set
constexpr int GROUP = 3;                            // blocks side by side in a tile
constexpr int TILE_R = W == 8 ? 8 : W == 4 ? 4 : 2;  // left columns that one register tile takes
constexpr int TILE_B = W == 8 ? GROUP : 1;          // and blocks on its right
constexpr i64 PACKED_AT_ONCE = 16;                  // rows that are dealt to the blocks while they are in the first cache
constexpr i64 AHEAD_BYTES = 320 << 10;              // a sub-leaf that is fetched while the one before is worked on

// A sub-leaf less the pivots, in blocks of 8 columns: [block][row][8].
struct Leaf {
    i64 rows, full, blocks;  // full blocks come first; one with the p mod 8 columns that are left may follow
    i64 left_over, extras;   // the last p mod 8 columns, Y and ones, 8 to a block, are `extra`
    double *x, *wx, *extra;
    const char* ahead;       // what to fetch meanwhile, or null
    i64 ahead_lines;
};

struct Fetch {  // one line a row
    const char* from;
    i64 lines;
    SL_INLINE void operator()(i64 row) const {
        if (row < lines) __builtin_prefetch(from + row * 64, 0, 2);
    }
};

// out[r][c] = chain over rows of left[row][r] * right[row][c], for R columns and NB blocks.
template <int R, int NB>
inline void chains(const double* left, const double* right, i64 rows, Fetch fetch, double* out) {
    constexpr int PER = COLUMNS / W, N = NB * PER;
    V acc[R][N];
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < N; ++v) acc[r][v] = zero();
    for (i64 i = 0; i < rows; ++i, left += COLUMNS, right += COLUMNS) {
        fetch(i);
        V vector[N];
        for (int v = 0; v < N; ++v) vector[v] = load(right + v / PER * STRIDE + v % PER * W);
        for (int r = 0; r < R; ++r) {
            V factor = set(left[r]);
            for (int v = 0; v < N; ++v) acc[r][v] = fma(factor, vector[v], acc[r][v]);
        }
    }
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < N; ++v) store(out + r * GROUP * COLUMNS + v * W, acc[r][v]);
}

template <int R, int NB>
SL_INLINE void chains_of(int r, int nb, const double* left, const double* right, i64 rows, Fetch fetch, double* out) {
    if (r == R && nb == NB)
        chains<R, NB>(left, right, rows, fetch, out);
    else if (nb < NB) {
        if constexpr (NB > 1) chains_of<R, NB - 1>(r, nb, left, right, rows, fetch, out);
    } else if constexpr (R > 1)
        chains_of<R - 1, NB>(r, nb, left, right, rows, fetch, out);
}

// The same for up to 8 columns and GROUP blocks, by register tiles.
inline void block_chains(const double* left, int columns, const double* right, int blocks, i64 rows, Fetch fetch,
                         double* out) {
    for (int b = 0; b < blocks; b += TILE_B)
        for (int r = 0; r < columns; r += TILE_R)
            chains_of<TILE_R, TILE_B>(least(TILE_R, columns - r), least(TILE_B, blocks - b), left + r,
                                      right + b * STRIDE, rows, fetch, out + r * GROUP * COLUMNS + b * COLUMNS);
}

template <class X>
inline void pack_rows(const X& x, const double* weight, i64 p, Leaf& leaf) {
    for (i64 start = 0; start < leaf.rows; start += PACKED_AT_ONCE)
        for (i64 b = 0; b < leaf.blocks; ++b)
            for (i64 i = start; i < least(start + PACKED_AT_ONCE, leaf.rows); ++i)
                for (int c = 0; c < COLUMNS; c += W) {
                    i64 j = b * COLUMNS + c, to = b * STRIDE + i * COLUMNS + c;
                    V value = b < leaf.full ? x.at(i, j) : x.at(i, least(j, p), inside(p - j, 0));
                    store(leaf.x + to, value);
                    if (weight) store(leaf.wx + to, set(weight[i]) * value);
                }
}

SL_INLINE double target(const GramInput& in, i64 i, i64 q) {
    return in.y[i * in.t + q] - (in.pivot_y ? in.pivot_y[q] : 0.0);
}

inline void pack_extras(const GramInput& in, i64 start, Leaf& leaf) {
    const double* last = leaf.x + leaf.full * STRIDE;
    for (i64 e = 0; e < leaf.extras; ++e) {
        double* to = leaf.extra + e / COLUMNS * STRIDE + e % COLUMNS;
        for (i64 i = 0; i < leaf.rows; ++i)
            to[i * COLUMNS] = e < leaf.left_over           ? last[i * COLUMNS + e]
                              : e < leaf.left_over + in.t ? target(in, start + i, e - leaf.left_over)
                                                           : 1.0;
    }
}

// Adds the tile at block i and blocks j, j + 1, ... to the upper triangle.
SL_INLINE void add_tile(const double* tile, i64 i, i64 j, int blocks, i64 p, double* g) {
    for (i64 r = 0; r < COLUMNS; ++r) {
        double* to = g + (i * COLUMNS + r) * p + j * COLUMNS;
        const double* from = tile + r * GROUP * COLUMNS;
        i64 c = 0;
        if (i == j)
            for (c = r; c < COLUMNS; ++c) to[c] += from[c];
        for (; c < blocks * COLUMNS; c += W) store(to + c, load(to + c) + load(from + c));
    }
}

inline void add_triangle(const Leaf& leaf, i64 p, double* g) {
    double tile[COLUMNS * GROUP * COLUMNS];
    i64 fetched = 0, calls = 0;
    for (i64 group = 0; group < leaf.full; group += GROUP) calls += least(group + GROUP, leaf.full);
    i64 each = calls ? (leaf.ahead_lines + calls - 1) / calls : 0;  // so that memory is asked all the time
    for (i64 group = 0; group < leaf.full; group += GROUP)
        for (i64 i = 0; i < least(group + GROUP, leaf.full); ++i) {
            i64 j = most(i, group);
            int blocks = static_cast<int>(least(group + GROUP, leaf.full) - j);
            Fetch fetch = {leaf.ahead + fetched * 64, least(each, leaf.ahead_lines - fetched)};
            fetched += each;
            block_chains(leaf.wx + i * STRIDE, COLUMNS, leaf.x + j * STRIDE, blocks, leaf.rows, fetch, tile);
            add_tile(tile, i, j, blocks, p, g);
        }
}

// Adds the products of column `e` of the extras with the columns a of a tile.
SL_INLINE void add_extra(const double* tile, const Leaf& leaf, i64 e, i64 from, i64 stop, i64 t, i64 p,
                         const GramSums& out) {
    i64 b = leaf.full * COLUMNS + e, q = e - leaf.left_over;
    if (e < leaf.left_over)
        for (i64 a = from; a < least(stop, b + 1); ++a) out.g[a * p + b] += tile[a - from];
    else if (q < t)
        for (i64 a = from; a < stop; ++a) out.h[a * t + q] += tile[a - from];
    else
        for (i64 a = from; a < stop; ++a) out.sum_x[a] += tile[a - from];
}

inline void add_extras(const Leaf& leaf, i64 p, i64 t, const GramSums& out) {
    double tile[COLUMNS * GROUP * COLUMNS];
    for (i64 block = 0; block < leaf.blocks; block += GROUP)
        for (i64 e = 0; e < leaf.extras; e += COLUMNS) {
            int blocks = static_cast<int>(least<i64>(GROUP, leaf.blocks - block));
            int columns = static_cast<int>(least<i64>(COLUMNS, leaf.extras - e));
            block_chains(leaf.extra + e / COLUMNS * STRIDE, columns, leaf.wx + block * STRIDE, blocks, leaf.rows,
                         {nullptr, 0}, tile);
            i64 from = block * COLUMNS, stop = least(p, from + GROUP * COLUMNS);
            for (int c = 0; c < columns; ++c) add_extra(tile + c * GROUP * COLUMNS, leaf, e + c, from, stop, t, p, out);
        }
}

inline void add_targets(const GramInput& in, i64 start, i64 rows, const GramSums& out) {
    for (i64 q = 0; q < in.t; ++q) {
        double sum = 0.0, squares = 0.0;
        for (i64 i = start; i < start + rows; ++i) {
            double y = target(in, i, q), wy = in.weight ? in.weight[i] * y : y;
            sum += wy;
            squares = fma(wy, y, squares);
        }
        out.sum_y[q] += sum, out.yy[q] += squares;
    }
}

template <class X>
inline void gram_rows(const X& x, const GramInput& in, const GramSums& out) {
    i64 p = in.x.p, n = in.x.n;
    Leaf leaf = {};
    leaf.full = p / COLUMNS, leaf.blocks = (p + COLUMNS - 1) / COLUMNS, leaf.left_over = p % COLUMNS;
    leaf.extras = leaf.left_over + in.t + 1;
    i64 extra_blocks = (leaf.extras + COLUMNS - 1) / COLUMNS;
    leaf.x = scratch(0, ((in.weight ? 2 : 1) * leaf.blocks + extra_blocks) * STRIDE);
    leaf.wx = in.weight ? leaf.x + leaf.blocks * STRIDE : leaf.x;
    leaf.extra = leaf.wx + leaf.blocks * STRIDE;
    i64 row_bytes = p * (in.x.single ? 4 : 8);
    for (i64 start = 0; start < n; start += SUB_LEAF) {
        leaf.rows = least(SUB_LEAF, n - start);
        i64 next = least(SUB_LEAF, n - start - leaf.rows) * row_bytes;
        leaf.ahead = static_cast<const char*>(in.x.data) + (start + leaf.rows) * row_bytes;
        leaf.ahead_lines = next <= AHEAD_BYTES ? next / 64 : 0;
        pack_rows(x.from(start), in.weight ? in.weight + start : nullptr, p, leaf);
        pack_extras(in, start, leaf);
        add_triangle(leaf, p, out.g);
        add_extras(leaf, p, in.t, out);
        add_targets(in, start, leaf.rows, out);
    }
}

// Sparse rows: every sum is one chain over the rows of all blocks in order.
template <class T>
inline void gram_rows(const Sparse<T>& x, const GramInput& in, const GramSums& out) {
    i64 p = in.x.p, t = in.t;
    for (i64 i = 0; i < in.x.n; ++i) {
        double w = in.weight ? in.weight[i] : 1.0;
        for (i64 a = x.indptr[i]; a < x.indptr[i + 1]; ++a) {
            double wx = w * static_cast<double>(x.data[a]);
            i64 row = x.indices[a];
            for (i64 b = a; b < x.indptr[i + 1]; ++b) {
                double& g = out.g[row * p + x.indices[b]];
                g = fma(wx, static_cast<double>(x.data[b]), g);
            }
            out.sum_x[row] += wx;
            for (i64 q = 0; q < t; ++q) {
                double y = in.y[i * t + q] - (in.pivot_y ? in.pivot_y[q] : 0.0);
                out.h[row * t + q] = fma(wx, y, out.h[row * t + q]);
            }
        }
        for (i64 q = 0; q < t; ++q) {
            double y = in.y[i * t + q] - (in.pivot_y ? in.pivot_y[q] : 0.0), wy = w * y;
            out.sum_y[q] += wy;
            out.yy[q] = fma(wy, y, out.yy[q]);
        }
    }
}

inline void gram(const GramInput& in, const GramSums& out) {
    *out.weight_sum = weight_total(in.weight, in.x.n, *out.weight_sum);
    with_rows(in.x, in.pivot, [&](auto rows) { gram_rows(rows, in, out); });
}

}  // namespace shardlearn::SHARDLEARN_ISA
