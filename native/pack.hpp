// Packing: columns of an Arrow record batch into rows of a block, with cast, null -> NaN and checks in the same pass.
//
// Rows go in chunks that stay in L1: each column's chunk is cast into a small buffer (or used where it lies, when it
// is already of the block's type), counted, and transposed eight columns at a time, so that every store fills a line.
#pragma once

#include <emmintrin.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace shardlearn::pack {

// The Arrow C data interface: an ABI that does not change (https://arrow.apache.org/docs/format/CDataInterface.html).
struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void** buffers;
    ArrowArray** children;
    ArrowArray* dictionary;
    void (*release)(ArrowArray*);
    void* private_data;
};

enum class Code : int32_t {
    F64 = 0, F32 = 1, I8 = 2, I16 = 3, I32 = 4, I64 = 5, U8 = 6, U16 = 7, U32 = 8, U64 = 9, BOOL = 10, DECIMAL = 11,
    NOTHING = 12, PARTS32 = 13, PARTS64 = 14,
};

constexpr int64_t CHUNK = 128, GROUP = 8;

// What is counted for each column: missing, infinite, integers beyond 2**53.
struct Counts {
    int64_t missing, infinite, large;
};

inline bool valid(const uint8_t* bitmap, int64_t i) { return (bitmap[i >> 3] >> (i & 7)) & 1; }

template <class T>
inline double exactly(T value, int64_t& large) {
    if constexpr (sizeof(T) == 8 && std::is_integral_v<T>) {
        constexpr int64_t limit = int64_t(1) << 53;
        if constexpr (std::is_signed_v<T>) large += value > limit || value < -limit;
        else large += value > uint64_t(limit);
    }
    return double(value);
}

template <class T, class Out>
inline void cast(const void* values, int64_t at, int64_t n, Out* out, int64_t& large) {
    const T* from = static_cast<const T*>(values) + at;
    int64_t beyond = 0;
    for (int64_t i = 0; i < n; ++i) {
        if constexpr (std::is_floating_point_v<T>) out[i] = Out(from[i]);
        else out[i] = Out(exactly(from[i], beyond));
    }
    large += beyond;
}

// Whole units and their remainder apart: the same number of seconds from any unit, and no rounding of whole ones.
template <class T, class Out>
inline void parts(const void* values, int64_t at, int64_t n, int64_t divisor, Out* out) {
    const T* from = static_cast<const T*>(values) + at;
    for (int64_t i = 0; i < n; ++i) {
        const int64_t v = from[i];
        out[i] = Out(double(v / divisor) + double(v % divisor) / double(divisor));
    }
}

// unscaled / 10**scale, correctly rounded: by one division where both are exact, else by way of digits.
inline double decimal(const uint8_t* bytes, int64_t scale) {
    __int128 v;
    std::memcpy(&v, bytes, 16);
    constexpr __int128 limit = __int128(1) << 53;
    if (v <= limit && v >= -limit && scale >= 0 && scale <= 22) {
        double power = 1;
        for (int64_t i = 0; i < scale; ++i) power *= 10;
        return double(int64_t(v)) / power;
    }
    char text[64];
    char* end = text + sizeof text;
    char* p = end;
    unsigned __int128 u = v < 0 ? -static_cast<unsigned __int128>(v) : static_cast<unsigned __int128>(v);
    // digits, then "e-scale"
    char tail[24];
    tail[0] = 'e';
    const auto [tail_end, _] = std::to_chars(tail + 1, tail + sizeof tail, -scale);
    const int64_t tail_length = tail_end - tail;
    p -= tail_length;
    std::memcpy(p, tail, size_t(tail_length));
    do {
        *--p = char('0' + int(u % 10));
        u /= 10;
    } while (u);
    if (v < 0) *--p = '-';
    double value = 0;
    std::from_chars(p, end, value);
    return value;
}

template <class Out>
void cast_chunk(Code code, const ArrowArray& column, int64_t at, int64_t n, int64_t argument, Out* out, int64_t& large) {
    const void* values = column.n_buffers > 1 ? column.buffers[1] : nullptr;
    at += column.offset;
    switch (code) {
        case Code::F64: cast<double>(values, at, n, out, large); break;
        case Code::F32: cast<float>(values, at, n, out, large); break;
        case Code::I8: cast<int8_t>(values, at, n, out, large); break;
        case Code::I16: cast<int16_t>(values, at, n, out, large); break;
        case Code::I32: cast<int32_t>(values, at, n, out, large); break;
        case Code::I64: cast<int64_t>(values, at, n, out, large); break;
        case Code::U8: cast<uint8_t>(values, at, n, out, large); break;
        case Code::U16: cast<uint16_t>(values, at, n, out, large); break;
        case Code::U32: cast<uint32_t>(values, at, n, out, large); break;
        case Code::U64: cast<uint64_t>(values, at, n, out, large); break;
        case Code::PARTS32: parts<int32_t>(values, at, n, argument, out); break;
        case Code::PARTS64: parts<int64_t>(values, at, n, argument, out); break;
        case Code::BOOL:
            for (int64_t i = 0; i < n; ++i) out[i] = valid(static_cast<const uint8_t*>(values), at + i) ? Out(1) : Out(0);
            break;
        case Code::DECIMAL:
            for (int64_t i = 0; i < n; ++i)
                out[i] = Out(decimal(static_cast<const uint8_t*>(values) + 16 * (at + i), argument));
            break;
        case Code::NOTHING:
            for (int64_t i = 0; i < n; ++i) out[i] = std::numeric_limits<Out>::quiet_NaN();
            break;
    }
}

// Null slots may hold anything: they become NaN, and an integer there is not counted as large.
template <class Out>
void mask_chunk(Code code, const ArrowArray& column, int64_t at, int64_t n, Out* out, int64_t& large) {
    const auto* bitmap = static_cast<const uint8_t*>(column.buffers[0]);
    int64_t hidden = 0;
    for (int64_t i = 0; i < n; ++i) {
        const int64_t bit = column.offset + at + i;
        if (bitmap[bit >> 3] == 0xFF) {  // eight that are valid: on to the next byte
            i += 7 - (bit & 7);
            continue;
        }
        if (valid(bitmap, bit)) continue;
        if (code == Code::I64) cast<int64_t>(column.buffers[1], bit, 1, out + i, hidden);
        if (code == Code::U64) cast<uint64_t>(column.buffers[1], bit, 1, out + i, hidden);
        out[i] = std::numeric_limits<Out>::quiet_NaN();
    }
    large -= hidden;
}

template <class Out>
inline void count_chunk(const Out* values, int64_t n, Counts& counts) {
    int64_t suspects = 0;
    for (int64_t i = 0; i < n; ++i) suspects += !(std::abs(values[i]) <= std::numeric_limits<Out>::max());
    if (!suspects) return;
    int64_t missing = 0;
    for (int64_t i = 0; i < n; ++i) missing += values[i] != values[i];
    counts.missing += missing;
    counts.infinite += suspects - missing;
}

// Two rows at a time, two (or four) columns to a register: every x86-64 has these, and no value is computed.
inline void transpose_group(const double* const* from, int64_t n, double* out, int64_t stride) {
    int64_t i = 0;
    for (; i + 2 <= n; i += 2) {
        double *one = out + i * stride, *two = one + stride;
        for (int64_t j = 0; j < GROUP; j += 2) {
            const __m128d a = _mm_loadu_pd(from[j] + i), b = _mm_loadu_pd(from[j + 1] + i);
            _mm_storeu_pd(one + j, _mm_unpacklo_pd(a, b));
            _mm_storeu_pd(two + j, _mm_unpackhi_pd(a, b));
        }
    }
    for (; i < n; ++i)
        for (int64_t j = 0; j < GROUP; ++j) out[i * stride + j] = from[j][i];
}

inline void transpose_group(const float* const* from, int64_t n, float* out, int64_t stride) {
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        float* row = out + i * stride;
        for (int64_t j = 0; j < GROUP; j += 4) {
            __m128 a = _mm_loadu_ps(from[j] + i), b = _mm_loadu_ps(from[j + 1] + i);
            __m128 c = _mm_loadu_ps(from[j + 2] + i), d = _mm_loadu_ps(from[j + 3] + i);
            _MM_TRANSPOSE4_PS(a, b, c, d);
            _mm_storeu_ps(row + j, a);
            _mm_storeu_ps(row + stride + j, b);
            _mm_storeu_ps(row + 2 * stride + j, c);
            _mm_storeu_ps(row + 3 * stride + j, d);
        }
    }
    for (; i < n; ++i)
        for (int64_t j = 0; j < GROUP; ++j) out[i * stride + j] = from[j][i];
}

template <class Out>
inline void transpose(const Out* const* from, int64_t columns, int64_t n, Out* out, int64_t stride) {
    if (columns == GROUP) return transpose_group(from, n, out, stride);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < columns; ++j) out[i * stride + j] = from[j][i];
}

// Rows [start, start + n) of the batch's children `which` to `out` (n rows of `stride` entries).
template <class Out>
void rows(const ArrowArray& batch, const std::vector<int32_t>& which, const std::vector<int32_t>& codes,
          const std::vector<int64_t>& arguments, int64_t start, int64_t n, Out* out, int64_t stride, Counts* counts) {
    const int64_t p = int64_t(which.size());
    alignas(64) Out buffer[GROUP][CHUNK];
    for (int64_t done = 0; done < n; done += CHUNK) {
        const int64_t size = n - done < CHUNK ? n - done : CHUNK;
        const int64_t at = batch.offset + start + done;
        for (int64_t first = 0; first < p; first += GROUP) {
            const int64_t columns = p - first < GROUP ? p - first : GROUP;
            const Out* from[GROUP];
            for (int64_t j = 0; j < columns; ++j) {
                const ArrowArray& column = *batch.children[which[size_t(first + j)]];
                const Code code = Code(codes[size_t(first + j)]);
                const bool nulls = code != Code::NOTHING && column.null_count != 0 && column.buffers[0] != nullptr;
                const bool same = (std::is_same_v<Out, double> && code == Code::F64) ||
                                  (std::is_same_v<Out, float> && code == Code::F32);
                Counts& count = counts[first + j];
                if (same && !nulls) {
                    from[j] = static_cast<const Out*>(column.buffers[1]) + column.offset + at;
                } else {
                    cast_chunk(code, column, at, size, arguments[size_t(first + j)], buffer[j], count.large);
                    if (nulls) mask_chunk(code, column, at, size, buffer[j], count.large);
                    from[j] = buffer[j];
                }
                count_chunk(from[j], size, count);
            }
            transpose(from, columns, size, out + done * stride + first, stride);
        }
    }
}

}  // namespace shardlearn::pack
