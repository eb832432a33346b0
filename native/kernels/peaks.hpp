// The machine's own limits: multiply-adds in registers and reads from memory, on one core.
#pragma once
#include "../simd/simd.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr int PEAK_CHAINS = 12;

// Does rounds * 12 vectors * W multiply-adds; returns something that depends on all of them.
inline double peak_flops(i64 rounds) {
    V acc[PEAK_CHAINS];
    for (int c = 0; c < PEAK_CHAINS; ++c) acc[c] = set(c);
    V a = set(0x1.fffffp-1), b = set(0x1p-20);
    for (i64 i = 0; i < rounds; ++i)
        for (int c = 0; c < PEAK_CHAINS; ++c) acc[c] = fma(acc[c], a, b);
    for (int c = 1; c < PEAK_CHAINS; ++c) acc[0] = acc[0] + acc[c];
    double lanes[W];
    store(lanes, acc[0]);
    return lanes[0];
}

inline double peak_read(const double* x, i64 n) {
    V acc[8];
    for (int c = 0; c < 8; ++c) acc[c] = zero();
    for (i64 i = 0; i + 8 * W <= n; i += 8 * W)
        for (int c = 0; c < 8; ++c) acc[c] = acc[c] + load(x + i + c * W);
    for (int c = 1; c < 8; ++c) acc[0] = acc[0] + acc[c];
    double lanes[W];
    store(lanes, acc[0]);
    return lanes[0];
}

}  // namespace shardlearn::SHARDLEARN_ISA
