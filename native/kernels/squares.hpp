// Eight rows of up to eight columns, from columns to rows by way of registers: the stores fill what a row has of a line.
#pragma once
#include "../simd/simd.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr i64 SQUARE = 8;

// Row by row, `columns` of each; whether any of them is NaN or infinite: then x - x has bits, else it is +0.
#if SHARDLEARN_WIDTH == 1 || defined(__aarch64__)
template <class T>
SL_INLINE bool turned(const T* const* from, i64 at, i64 columns, T* out, i64 stride) {
    bool odd = false;
    for (i64 i = 0; i < SQUARE; ++i)
        for (i64 j = 0; j < columns; ++j) {
            T x = from[j][at + i];
            odd |= x - x != 0;
            out[i * stride + j] = x;
        }
    return odd;
}
#else

SL_INLINE __m256i first_floats(i64 count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0));
}

// Columns beyond `columns` are there to be loaded, whatever they hold, and finite where the others are.
SL_INLINE bool turned(const float* const* from, i64 at, i64 columns, float* out, i64 stride) {
    __m256 c[8], t[8], u[8];
    __m256 odd = _mm256_setzero_ps();
    for (int j = 0; j < 8; ++j) {
        c[j] = _mm256_loadu_ps(from[j] + at);
        odd = _mm256_or_ps(odd, _mm256_sub_ps(c[j], c[j]));
    }
    for (int j = 0; j < 8; j += 2) {
        t[j] = _mm256_unpacklo_ps(c[j], c[j + 1]);
        t[j + 1] = _mm256_unpackhi_ps(c[j], c[j + 1]);
    }
    for (int j = 0; j < 8; j += 4) {  // u[j + i]: four columns of row i, and of row 4 + i
        u[j] = _mm256_shuffle_ps(t[j], t[j + 2], 0x44);
        u[j + 1] = _mm256_shuffle_ps(t[j], t[j + 2], 0xee);
        u[j + 2] = _mm256_shuffle_ps(t[j + 1], t[j + 3], 0x44);
        u[j + 3] = _mm256_shuffle_ps(t[j + 1], t[j + 3], 0xee);
    }
    const __m256i some = first_floats(columns);
    for (int i = 0; i < 8; ++i) {
        const __m256 row = _mm256_permute2f128_ps(u[i % 4], u[4 + i % 4], i < 4 ? 0x20 : 0x31);
        if (columns == SQUARE)
            _mm256_storeu_ps(out + i * stride, row);
        else
            _mm256_maskstore_ps(out + i * stride, some, row);
    }
    return !_mm256_testz_si256(_mm256_castps_si256(odd), _mm256_castps_si256(odd));
}

#if SHARDLEARN_WIDTH == 4
SL_INLINE bool turned(const double* const* from, i64 at, i64 columns, double* out, i64 stride) {
    __m256d odd = _mm256_setzero_pd();
    for (i64 j = 0; j < columns; j += 4)
        for (i64 i = 0; i < SQUARE; i += 4) {
            __m256d c[4], t[4];
            for (int k = 0; k < 4; ++k) {
                c[k] = _mm256_loadu_pd(from[j + k] + at + i);
                odd = _mm256_or_pd(odd, _mm256_sub_pd(c[k], c[k]));
            }
            for (int k = 0; k < 4; k += 2) {
                t[k] = _mm256_unpacklo_pd(c[k], c[k + 1]);
                t[k + 1] = _mm256_unpackhi_pd(c[k], c[k + 1]);
            }
            const int count = static_cast<int>(least<i64>(columns - j, 4));
            double* to = out + i * stride + j;
            for (int k = 0; k < 4; ++k)
                store_some(to + k * stride, V{_mm256_permute2f128_pd(t[k % 2], t[2 + k % 2], k < 2 ? 0x20 : 0x31)}, count);
        }
    return !_mm256_testz_si256(_mm256_castpd_si256(odd), _mm256_castpd_si256(odd));
}
#else
SL_INLINE bool turned(const double* const* from, i64 at, i64 columns, double* out, i64 stride) {
    __m512d c[8], t[8], u[8];
    __m512i odd = _mm512_setzero_si512();
    for (int j = 0; j < 8; ++j) {
        c[j] = _mm512_loadu_pd(from[j] + at);
        odd = _mm512_or_si512(odd, _mm512_castpd_si512(_mm512_sub_pd(c[j], c[j])));
    }
    for (int j = 0; j < 8; j += 2) {
        t[j] = _mm512_unpacklo_pd(c[j], c[j + 1]);
        t[j + 1] = _mm512_unpackhi_pd(c[j], c[j + 1]);
    }
    for (int j = 0; j < 8; j += 4) {  // u[j + i]: four columns of row i, and of row 4 + i
        u[j] = _mm512_shuffle_f64x2(t[j], t[j + 2], 0x88);
        u[j + 1] = _mm512_shuffle_f64x2(t[j + 1], t[j + 3], 0x88);
        u[j + 2] = _mm512_shuffle_f64x2(t[j], t[j + 2], 0xdd);
        u[j + 3] = _mm512_shuffle_f64x2(t[j + 1], t[j + 3], 0xdd);
    }
    const int count = static_cast<int>(columns);
    for (int i = 0; i < 4; ++i) {
        store_some(out + i * stride, V{_mm512_shuffle_f64x2(u[i], u[4 + i], 0x88)}, count);
        store_some(out + (4 + i) * stride, V{_mm512_shuffle_f64x2(u[i], u[4 + i], 0xdd)}, count);
    }
    return _mm512_test_epi64_mask(odd, odd) != 0;
}
#endif
#endif

}  // namespace shardlearn::SHARDLEARN_ISA
