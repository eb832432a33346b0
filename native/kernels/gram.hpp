// Weighted second moments: chains over the rows of a sub-leaf, sub-leaves added in order.
#pragma once
#include "csr.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr int COLUMNS = 8;                          // of a packed block
constexpr int GROUP = 3;                            // blocks side by side in a tile
constexpr i64 PRODUCTS = COLUMNS * GROUP * COLUMNS;  // of a tile: one block on the left, a group on the right
constexpr int TILE_R = W == 8 ? 8 : W == 4 ? 4 : 2;  // left columns that one register tile takes
constexpr int TILE_B = W == 8 ? GROUP : 1;          // and blocks on its right
constexpr i64 PACKED_AT_ONCE = 16;                  // rows that are dealt to the blocks while they are in the first cache
constexpr i64 FEW = 7;                              // blocks of a part that stays there, with all sums of its sub-leaf
constexpr i64 WRITE_AHEAD = 8;                      // rows; a line that is written whole is read first all the same
constexpr i64 AHEAD_BYTES = 320 << 10;              // a sub-leaf that is fetched while the one before is worked on

// How a sub-leaf is worked on: in parts of so many rows, while what comes next is fetched or not.
template <i64 ROWS_, bool FETCHES_>
struct Way {
    static constexpr i64 ROWS = ROWS_, STRIDE = (ROWS + 1) * COLUMNS;  // a line more, lest blocks share a cache set
    static constexpr bool FETCHES = FETCHES_, PARTS = ROWS < SUB_LEAF;
};

// Rows less the pivots, in blocks of 8 columns, [block][row][8]: full blocks first, then the extras, which are the
// p mod 8 columns that are left, Y, and ones.
template <class WAY>
struct Part {
    i64 rows, full, left_over, extras;
    i64 right;  // blocks that the extras are multiplied with: the full ones, and the first of the extras where needed
    double *x, *wx;
    double* extra(i64 e) const { return x + (full + e / COLUMNS) * WAY::STRIDE + e % COLUMNS; }
    // Few targets lie beside the columns that are left, so that their own sums are among the products.
    bool together() const { return extras <= COLUMNS; }
};

struct Fetch {  // a line every 256 / rate rows; a row without one asks for what is `near`, which costs nothing
    const char* from;
    i64 rate;
    SL_INLINE void operator()(i64 row, const double* near) const {
        const i64 at = row * rate;
        const char* line = from + (at >> 8 << 6);
        __builtin_prefetch((at & 255) < rate ? line : reinterpret_cast<const char*>(near), 0, 2);
    }
};

// What to fetch while a sub-leaf is worked on: as evenly as work goes on, so that memory is asked all the time.
struct Ahead {
    const char* from;
    i64 lines, work;
    SL_INLINE Fetch take(i64 some, i64 rows) {
        const i64 now = least(rows, lines * some / work);
        Fetch fetch = {from, (now << 8) / rows};
        from += now * 64, lines -= now, work -= some;
        return fetch;
    }
};

// The sums of a sub-leaf so far, tile by tile, where it has several parts; else one after the other.
template <class WAY>
struct Tiles {
    double* at;
    bool begins, ends;
    SL_INLINE void next() { at += WAY::PARTS ? PRODUCTS : 0; }
};

// out[r][c] = chain over rows of left[row][r] * right[row][c], for R columns and NB blocks; else it goes on from out.
template <class WAY, int R, int NB>
inline void chains(const double* left, const double* right, i64 rows, Fetch fetch, bool begins, double* out) {
    constexpr int PER = COLUMNS / W, N = NB * PER;
    V acc[R][N];
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < N; ++v)
            acc[r][v] = WAY::PARTS && !begins ? load(out + r * GROUP * COLUMNS + v * W) : zero();
    for (i64 i = 0; i < rows; ++i, left += COLUMNS, right += COLUMNS) {
        if (WAY::FETCHES) fetch(i, left);
        V vector[N];
        for (int v = 0; v < N; ++v) vector[v] = load(right + v / PER * WAY::STRIDE + v % PER * W);
        for (int r = 0; r < R; ++r) {
            V factor = set(left[r]);
            for (int v = 0; v < N; ++v) acc[r][v] = fma(factor, vector[v], acc[r][v]);
        }
    }
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < N; ++v) store(out + r * GROUP * COLUMNS + v * W, acc[r][v]);
}

template <class WAY, int R, int NB>
SL_INLINE void chains_of(int r, int nb, const double* left, const double* right, i64 rows, Fetch fetch, bool begins,
                         double* out) {
    if (r == R && nb == NB)
        chains<WAY, R, NB>(left, right, rows, fetch, begins, out);
    else if (nb < NB) {
        if constexpr (NB > 1) chains_of<WAY, R, NB - 1>(r, nb, left, right, rows, fetch, begins, out);
    } else if constexpr (R > 1)
        chains_of<WAY, R - 1, NB>(r, nb, left, right, rows, fetch, begins, out);
}

// The same for up to 8 columns and GROUP blocks, by register tiles.
template <class WAY>
inline void block_chains(const double* left, i64 columns, const double* right, i64 blocks, i64 rows, Ahead& ahead,
                         const Tiles<WAY>& tiles) {
    for (i64 b = 0; b < blocks; b += TILE_B)
        for (i64 r = 0; r < columns; r += TILE_R) {
            const int some = static_cast<int>(least<i64>(TILE_R, columns - r));
            const int beside = static_cast<int>(least<i64>(TILE_B, blocks - b));
            chains_of<WAY, TILE_R, TILE_B>(some, beside, left + r, right + b * WAY::STRIDE, rows,
                                           ahead.take(some * beside * rows, rows), tiles.begins,
                                           tiles.at + r * GROUP * COLUMNS + b * COLUMNS);
        }
}

SL_INLINE double target(const GramInput& in, i64 i, i64 q) {
    return in.y[i * in.t + q] - (in.pivot_y ? in.pivot_y[q] : 0.0);
}

// What no row changes: ones, and zeros beyond them.
template <class WAY>
inline void begin_extras(const GramInput& in, const Part<WAY>& part) {
    for (i64 e = part.left_over + in.t; e % COLUMNS || e < part.extras; ++e)
        for (i64 i = 0; i < WAY::ROWS; ++i) part.extra(e)[i * COLUMNS] = e + 1 == part.extras;
}

// The columns that are left, and targets, of rows [begin, end); `start`: the part's first row.
template <class WAY, class X>
SL_INLINE void pack_extras(const X& x, const GramInput& in, i64 start, i64 begin, i64 end, const Part<WAY>& part) {
    const i64 at = part.full * COLUMNS;
    double *last = part.x + part.full * WAY::STRIDE, *weighted = part.wx + part.full * WAY::STRIDE;
    for (int v = 0; v < COLUMNS / W && v * W < part.left_over; ++v) {
        const int count = inside(part.left_over, v);
        for (i64 i = begin; i < end; ++i) store_n(last + i * COLUMNS + v * W, x.at(i, at + v * W, count), count);
    }
    for (i64 q = 0; q < in.t; ++q) {
        double* to = part.extra(part.left_over + q);
        for (i64 i = begin; i < end; ++i) to[i * COLUMNS] = target(in, start + i, q);
    }
    for (i64 i = begin; in.weight && i < end; ++i)
        for (int c = 0; c < COLUMNS; c += W)
            store(weighted + i * COLUMNS + c, set(in.weight[start + i]) * load(last + i * COLUMNS + c));
}

template <class WAY, class X>
inline void pack_part(const X& x, const GramInput& in, i64 start, const Part<WAY>& part) {
    const double* weight = in.weight ? in.weight + start : nullptr;
    for (i64 begin = 0; begin < part.rows; begin += PACKED_AT_ONCE) {
        const i64 end = least(begin + PACKED_AT_ONCE, part.rows);
        for (i64 j = 0; j < part.full * COLUMNS; j += W) {
            double *to = part.x + j / COLUMNS * WAY::STRIDE + j % COLUMNS, *weighted = to + (part.wx - part.x);
            const V pivot = x.pivot_at(j);
            for (i64 i = begin; i < end; ++i) {
                V value = x.at(i, j, pivot);
                __builtin_prefetch(to + (i + WRITE_AHEAD) * COLUMNS, 1, 3);
                store(to + i * COLUMNS, value);
                if (weight) store(weighted + i * COLUMNS, set(weight[i]) * value);
            }
        }
        pack_extras(x, in, start, begin, end, part);
    }
}

// Adds the tile at block i and blocks j, j + 1, ... to the upper triangle.
SL_INLINE void add_tile(const double* tile, i64 i, i64 j, i64 blocks, i64 p, double* g) {
    for (i64 r = 0; r < COLUMNS; ++r) {
        double* to = g + (i * COLUMNS + r) * p + j * COLUMNS;
        const double* from = tile + r * GROUP * COLUMNS;
        i64 c = 0;
        if (i == j)
            for (c = r; c < COLUMNS; ++c) to[c] += from[c];
        for (; c < blocks * COLUMNS; c += W) store(to + c, load(to + c) + load(from + c));
    }
}

// Each block left of a group's end, times the group: the upper triangle.
template <class WAY>
inline void add_triangle(const Part<WAY>& part, i64 p, Ahead& ahead, Tiles<WAY>& tiles, double* g) {
    for (i64 group = 0; group < part.full; group += GROUP) {
        const i64 stop = least(group + GROUP, part.full);
        for (i64 i = 0; i < stop; ++i, tiles.next()) {
            const i64 j = most(i, group);
            block_chains(part.wx + i * WAY::STRIDE, COLUMNS, part.x + j * WAY::STRIDE, stop - j, part.rows, ahead, tiles);
            if (tiles.ends) add_tile(tiles.at, i, j, stop - j, p, g);
        }
    }
}

// Adds the products of column `e` of the extras with the columns a of a tile; those of its own block follow beyond p.
template <class WAY>
SL_INLINE void add_extra(const double* tile, const Part<WAY>& part, i64 e, i64 from, i64 stop, const GramInput& in,
                         const GramSums& out) {
    const i64 p = in.x.p, b = part.full * COLUMNS + e, q = e - part.left_over, last = least(p, stop);
    if (e < part.left_over)
        for (i64 a = from; a < least(stop, b + 1); ++a) out.g[a * p + b] += tile[a - from];
    else if (q < in.t) {
        for (i64 a = from; a < last; ++a) out.h[a * in.t + q] += tile[a - from];
        if (part.together() && stop > p) out.yy[q] += tile[b - from];
    } else {
        for (i64 a = from; a < last; ++a) out.sum_x[a] += tile[a - from];
        for (i64 a = p; part.together() && a < least(stop, p + in.t); ++a) out.sum_y[a - p] += tile[a - from];
    }
}

template <class WAY>
inline void add_extras(const Part<WAY>& part, const GramInput& in, Ahead& ahead, Tiles<WAY>& tiles,
                       const GramSums& out) {
    for (i64 block = 0; block < part.right; block += GROUP)
        for (i64 e = 0; e < part.extras; e += COLUMNS, tiles.next()) {
            const i64 blocks = least<i64>(GROUP, part.right - block), columns = least<i64>(COLUMNS, part.extras - e);
            block_chains(part.extra(e), columns, part.wx + block * WAY::STRIDE, blocks, part.rows, ahead, tiles);
            const i64 from = block * COLUMNS, stop = from + blocks * COLUMNS;
            for (i64 c = 0; tiles.ends && c < columns; ++c)
                add_extra(tiles.at + c * GROUP * COLUMNS, part, e + c, from, stop, in, out);
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

template <class WAY, class X>
inline void gram_by(const X& x, const GramInput& in, const GramSums& out) {
    const i64 p = in.x.p, n = in.x.n, row_bytes = p * (in.x.single ? 4 : 8);
    Part<WAY> part = {};
    part.full = p / COLUMNS, part.left_over = p % COLUMNS, part.extras = part.left_over + in.t + 1;
    part.right = part.full + (part.together() || part.left_over);
    const i64 blocks = part.full + (part.extras + COLUMNS - 1) / COLUMNS, size = blocks * WAY::STRIDE;
    part.x = scratch(0, (in.weight ? 2 : 1) * size + (WAY::PARTS ? FEW * FEW : 1) * PRODUCTS);
    part.wx = in.weight ? part.x + size : part.x;
    double* const tiles = part.wx + size;
    i64 work = part.extras * part.right;  // products of a row, in eights
    for (i64 group = 0; group < part.full; group += GROUP)
        for (i64 i = 0; i < least(group + GROUP, part.full); ++i)
            work += COLUMNS * (least(group + GROUP, part.full) - most(i, group));
    begin_extras(in, part);
    for (i64 start = 0; start < n; start += SUB_LEAF) {
        const i64 end = least(start + SUB_LEAF, n), next = least(SUB_LEAF, n - end) * row_bytes;
        Ahead ahead = {static_cast<const char*>(in.x.data) + end * row_bytes, next / 64, work * (end - start)};
        for (i64 at = start; at < end; at += WAY::ROWS) {
            part.rows = least(WAY::ROWS, end - at);
            pack_part(x.from(at), in, at, part);
            Tiles<WAY> sums = {tiles, at == start, at + part.rows == end};
            add_triangle(part, p, ahead, sums, out.g);
            add_extras(part, in, ahead, sums, out);
        }
        if (!part.together()) add_targets(in, start, end - start, out);
    }
}

template <class X>
inline void gram_rows(const X& x, const GramInput& in, const GramSums& out) {
    const i64 p = in.x.p;
    if (p % COLUMNS + in.t < COLUMNS && p < FEW * COLUMNS)
        in.weight ? gram_by<Way<32, true>>(x, in, out) : gram_by<Way<64, true>>(x, in, out);
    else if (SUB_LEAF * p * (in.x.single ? 4 : 8) <= AHEAD_BYTES)
        gram_by<Way<SUB_LEAF, true>>(x, in, out);
    else
        gram_by<Way<SUB_LEAF, false>>(x, in, out);
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
