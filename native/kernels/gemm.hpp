// C += A B and C -= A B, each element one FMA chain in the order of the inner index, whatever the blocking.
#pragma once
#include "vectors.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr int MR = W == 8 ? 8 : 4;  // rows of a register tile
constexpr int NV = 3;               // vectors along a row of a register tile
constexpr int NR = NV * W;
constexpr i64 KC = 128;       // inner depth of a packed panel: NR x KC doubles stay in the first cache
constexpr i64 MC = 12 * MR;   // rows of A packed at a time
constexpr i64 NC = 40 * NR;   // columns of B packed at a time
enum Packed { PACK_A, PACK_B, FREE_2, FREE_3, FREE_4, SLOTS };  // slots of the working memory

struct Strided {  // element (i, k) is at p[i * row + k * column]
    const double* p;
    i64 row, column;
    Strided at(i64 i, i64 k) const { return {p + i * row + k * column, row, column}; }
};

// Panels of `width` rows: out[panel][k][width], padded with zeros.
inline void pack(Strided a, i64 rows, i64 depth, int width, double* out) {
    for (i64 i = 0; i < rows; i += width) {
        int count = static_cast<int>(least<i64>(width, rows - i));
        for (i64 k = 0; k < depth; ++k, out += width) {
            const double* from = a.p + i * a.row + k * a.column;
            for (int r = 0; r < count; ++r) out[r] = from[r * a.row];
            for (int r = count; r < width; ++r) out[r] = 0.0;
        }
    }
}

template <bool MINUS>
SL_INLINE void tile(const double* a, const double* b, i64 depth, double* c, i64 ldc) {
    V acc[MR][NV];
    for (int r = 0; r < MR; ++r)
        for (int v = 0; v < NV; ++v) acc[r][v] = load(c + r * ldc + v * W);
    for (i64 k = 0; k < depth; ++k, a += MR, b += NR) {
        V right[NV];
        for (int v = 0; v < NV; ++v) right[v] = load(b + v * W);
        for (int r = 0; r < MR; ++r) {
            V left = set(a[r]);
            for (int v = 0; v < NV; ++v)
                acc[r][v] = MINUS ? fnma(left, right[v], acc[r][v]) : fma(left, right[v], acc[r][v]);
        }
    }
    for (int r = 0; r < MR; ++r)
        for (int v = 0; v < NV; ++v) store(c + r * ldc + v * W, acc[r][v]);
}

template <bool MINUS>
inline void edge_tile(const double* a, const double* b, i64 depth, double* c, i64 ldc, int rows, int columns) {
    double whole[MR * NR] = {};
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < columns; ++j) whole[r * NR + j] = c[r * ldc + j];
    tile<MINUS>(a, b, depth, whole, NR);
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < columns; ++j) c[r * ldc + j] = whole[r * NR + j];
}

struct Block {  // C[i0.., j0..] of m x n
    double* c;
    i64 ldc, m, n;
    bool lower;  // leave tiles above the diagonal alone
};

template <bool MINUS>
inline void tiles(const double* a, const double* b, i64 depth, const Block& block, i64 i0, i64 j0) {
    for (i64 j = 0; j < block.n; j += NR)
        for (i64 i = 0; i < block.m; i += MR) {
            if (block.lower && j0 + j > i0 + i + MR - 1) continue;
            int rows = static_cast<int>(least<i64>(MR, block.m - i));
            int columns = static_cast<int>(least<i64>(NR, block.n - j));
            double* c = block.c + i * block.ldc + j;
            if (rows == MR && columns == NR)
                tile<MINUS>(a + i * depth, b + j * depth, depth, c, block.ldc);
            else
                edge_tile<MINUS>(a + i * depth, b + j * depth, depth, c, block.ldc, rows, columns);
        }
}

template <bool MINUS>
inline void gemm(Strided a, Strided b, i64 inner, const Block& c) {
    double* left = scratch(PACK_A, MC * KC);
    double* right = scratch(PACK_B, least(NC, (c.n + NR) / NR * NR) * least(KC, inner));
    for (i64 j = 0; j < c.n; j += NC)
        for (i64 k = 0; k < inner; k += KC) {
            i64 depth = least(KC, inner - k), columns = least(NC, c.n - j);
            Strided part = b.at(k, j);
            pack({part.p, part.column, part.row}, columns, depth, NR, right);
            for (i64 i = 0; i < c.m; i += MC) {
                i64 rows = least(MC, c.m - i);
                if (c.lower && j > i + rows - 1) continue;
                pack(a.at(i, k), rows, depth, MR, left);
                tiles<MINUS>(left, right, depth, {c.c + i * c.ldc + j, c.ldc, rows, columns, c.lower}, i, j);
            }
        }
}

inline void matmul(const double* a, const double* b, double* out, i64 m, i64 inner, i64 n) {
    for (i64 i = 0; i < m * n; ++i) out[i] = 0.0;
    gemm<false>({a, inner, 1}, {b, n, 1}, inner, {out, n, m, n, false});
}

}  // namespace shardlearn::SHARDLEARN_ISA
