// How a thread rounds, and whether it has subnormals.
#pragma once
#include <cstdint>
#if !defined(__aarch64__)
#include <xmmintrin.h>
#endif

namespace shardlearn {

#if defined(__aarch64__)
using Modes = std::uint64_t;  // FPCR
constexpr Modes USUAL_MODES = 0;
inline Modes modes() {
    Modes out;
    __asm__ volatile("mrs %0, fpcr" : "=r"(out));
    return out;
}
inline void set_modes(Modes to) { __asm__ volatile("msr fpcr, %0" : : "r"(to) : "memory"); }
#else
using Modes = unsigned;  // MXCSR
constexpr Modes USUAL_MODES = 0x1f80;
inline Modes modes() { return _mm_getcsr(); }
inline void set_modes(Modes to) { _mm_setcsr(to); }
#endif

}  // namespace shardlearn
