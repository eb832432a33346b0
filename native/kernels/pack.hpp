// Packing: columns as Arrow lays them out into rows of a block, with cast, null -> NaN and counts in the same pass.
//
// Rows go in chunks that stay in the first cache, eight columns at a time: each column's chunk is cast into a small
// buffer (or used where it lies, when it is already of the block's type), and a tile of eight by eight is turned in
// registers. A column is looked at value by value only where a tile of its chunk holds NaN or infinity.
#pragma once
#include <charconv>
#include <limits>
#include <type_traits>

#include "squares.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr i64 CHUNK = 64;  // rows: a word of validity bits
constexpr i64 AHEAD = 32;  // rows; 16 are too few, 64 no better
using Bits = std::uint64_t;

// The bits of rows [at, at + n), n <= CHUNK; those beyond are set.
SL_INLINE Bits bits_of(const std::uint8_t* bitmap, i64 at, i64 n) {
    const std::uint8_t* from = bitmap + (at >> 3);
    const i64 shift = at & 7, bytes = (shift + n + 7) >> 3;
    Bits word = 0;
    if (bytes >= 8)
        __builtin_memcpy(&word, from, 8);
    else
        for (i64 k = 0; k < bytes; ++k) word |= Bits(from[k]) << (8 * k);
    word >>= shift;
    if (bytes == 9) word |= Bits(from[8]) << (64 - shift);
    return n < CHUNK ? word | ~Bits(0) << n : word;
}

template <class T>
SL_INLINE bool is_large(T value) {
    if constexpr (sizeof(T) < 8 || !std::is_integral_v<T>) return false;
    constexpr Bits limit = Bits(1) << 53;
    if constexpr (std::is_signed_v<T>) return Bits(value) + limit > 2 * limit;
    return Bits(value) > limit;
}

// Returns how many of the valid ones are large.
template <class T, class Out>
SL_INLINE i64 cast(const PackColumn& column, i64 at, i64 n, Bits valid, Out* out) {
    const T* from = static_cast<const T*>(column.values) + column.first + at;
    i64 large = 0;
    for (i64 i = 0; i < n; ++i) {
        if constexpr (std::is_floating_point_v<T>) out[i] = static_cast<Out>(from[i]);
        else out[i] = static_cast<Out>(static_cast<double>(from[i]));
        large += is_large(from[i]);
    }
    if (large && ~valid) {  // what lies under nulls counts for nothing
        large = 0;
        for (i64 i = 0; i < n; ++i) large += is_large(from[i]) && (valid >> i & 1);
    }
    return large;
}

// Whole units and their remainder apart: the same number of seconds from any unit, and no rounding of whole ones.
template <class T, class Out>
SL_INLINE void parts(const PackColumn& column, i64 at, i64 n, Out* out) {
    const T* from = static_cast<const T*>(column.values) + column.first + at;
    const i64 divisor = column.argument;
    for (i64 i = 0; i < n; ++i) {
        const i64 v = from[i];
        out[i] = static_cast<Out>(static_cast<double>(v / divisor) +
                                  static_cast<double>(v % divisor) / static_cast<double>(divisor));
    }
}

// unscaled / 10**scale, correctly rounded: by one division where both are exact, else by way of digits.
inline double decimal(const void* bytes, i64 scale) {
    __int128 v;
    __builtin_memcpy(&v, bytes, 16);
    constexpr __int128 limit = __int128(1) << 53;
    if (v <= limit && v >= -limit && scale >= 0 && scale <= 22) {
        double power = 1;
        for (i64 i = 0; i < scale; ++i) power *= 10;
        return static_cast<double>(static_cast<i64>(v)) / power;
    }
    char text[64];
    char* const end = text + sizeof text;
    char* p = end;
    const auto digits = [&p](auto u) {
        do {
            *--p = static_cast<char>('0' + static_cast<int>(u % 10));
            u /= 10;
        } while (u);
    };
    digits(static_cast<Bits>(scale < 0 ? -scale : scale));
    if (scale > 0) *--p = '-';
    *--p = 'e';
    digits(v < 0 ? -static_cast<unsigned __int128>(v) : static_cast<unsigned __int128>(v));
    if (v < 0) *--p = '-';
    double value = 0;
    std::from_chars(p, end, value);
    return value;
}

// The values of rows [at, at + n) as they are, whatever nulls hide; returns how many of the valid ones are large.
template <class Out>
i64 cast_chunk(const PackColumn& column, i64 at, i64 n, Bits valid, Out* out) {
    switch (column.code) {
        case Code::F64: return cast<double>(column, at, n, valid, out);
        case Code::F32: return cast<float>(column, at, n, valid, out);
        case Code::I8: return cast<std::int8_t>(column, at, n, valid, out);
        case Code::I16: return cast<std::int16_t>(column, at, n, valid, out);
        case Code::I32: return cast<std::int32_t>(column, at, n, valid, out);
        case Code::I64: return cast<std::int64_t>(column, at, n, valid, out);
        case Code::U8: return cast<std::uint8_t>(column, at, n, valid, out);
        case Code::U16: return cast<std::uint16_t>(column, at, n, valid, out);
        case Code::U32: return cast<std::uint32_t>(column, at, n, valid, out);
        case Code::U64: return cast<std::uint64_t>(column, at, n, valid, out);
        case Code::PARTS32: parts<std::int32_t>(column, at, n, out); break;
        case Code::PARTS64: parts<std::int64_t>(column, at, n, out); break;
        case Code::BOOL: {
            const Bits word = bits_of(static_cast<const std::uint8_t*>(column.values), column.first + at, n);
            for (i64 i = 0; i < n; ++i) out[i] = static_cast<Out>(static_cast<std::int32_t>(word >> i & 1));
            break;
        }
        case Code::DECIMAL:
            for (i64 i = 0; i < n; ++i)
                out[i] = static_cast<Out>(
                    decimal(static_cast<const char*>(column.values) + 16 * (column.first + at + i), column.argument));
            break;
        case Code::NOTHING: break;
    }
    return 0;
}

// Whether values of this kind may be NaN or infinite without being null.
SL_INLINE bool may_be_odd(Code code) { return code == Code::F64 || code == Code::F32 || code == Code::DECIMAL; }

// Where the column's chunk can be read as the block's type: where it lies, or in the buffer.
template <class Out>
SL_INLINE const Out* chunk_of(const PackColumn& column, i64 at, i64 n, Out* buffer, PackCounts& counts) {
    Bits valid = column.valid ? bits_of(column.valid, column.first + at, n) : ~Bits(0);
    if (column.code == Code::NOTHING) valid = n < CHUNK ? ~Bits(0) << n : 0;
    if (column.code == (std::is_same_v<Out, double> ? Code::F64 : Code::F32) && !~valid)
        return static_cast<const Out*>(column.values) + column.first + at;
    counts.large += cast_chunk(column, at, n, valid, buffer);
    if (!may_be_odd(column.code)) counts.missing += __builtin_popcountll(~valid);
    for (Bits nulls = ~valid; nulls; nulls &= nulls - 1)
        buffer[__builtin_ctzll(nulls)] = std::numeric_limits<Out>::quiet_NaN();
    return buffer;
}

template <class Out>
SL_INLINE void count_odd(const Out* values, i64 n, PackCounts& counts) {
    std::int32_t nans = 0, odd = 0;
    for (i64 i = 0; i < n; ++i) nans += values[i] != values[i], odd += values[i] - values[i] != 0;
    counts.missing += nans, counts.infinite += odd - nans;
}

template <class Out>
SL_INLINE void mark(const Out* values, i64 n, bool* holes) {
    for (i64 i = 0; i < n; ++i) holes[i] |= values[i] != values[i];
}

// The chunk's rows of up to eight columns; whether any value is NaN or infinite.
template <class Out>
SL_INLINE bool rows_of(const Out* const* from, i64 columns, i64 n, Out* out, i64 stride) {
    bool odd = false;
    i64 i = 0;
    for (; i + SQUARE <= n; i += SQUARE) {
        // A store that crosses two lines waits for both unless they are at hand; no harm beyond the end.
        for (i64 row = i + AHEAD; row < i + AHEAD + SQUARE; ++row) __builtin_prefetch(out + row * stride, 1, 3);
        odd |= turned(from, i, columns, out + i * stride, stride);
    }
    for (; i < n; ++i)
        for (i64 j = 0; j < columns; ++j) {
            out[i * stride + j] = from[j][i];
            odd |= from[j][i] - from[j][i] != 0;
        }
    return odd;
}

template <class Out>
void pack(const PackColumn* columns, const PackRows& rows, Out* out) {
    const i64 n = rows.n, p = rows.p, stride = rows.stride;
    PackCounts* const counts = rows.counts;
    alignas(64) Out buffers[SQUARE][CHUNK];
    const Out* from[SQUARE];
    for (i64 at = 0; at < n; at += CHUNK)
        for (i64 first = 0; first < p; first += SQUARE) {
            const i64 size = least(CHUNK, n - at), count = least(SQUARE, p - first);
            for (i64 j = 0; j < SQUARE; ++j)
                from[j] = j < count ? chunk_of(columns[first + j], at, size, buffers[j], counts[first + j]) : from[0];
            Out* to = out + at * stride + first;
            const bool odd = count == SQUARE ? rows_of(from, SQUARE, size, to, stride)
                                             : rows_of(from, count, size, to, stride);
            for (i64 j = 0; odd && j < count; ++j) {
                if (may_be_odd(columns[first + j].code)) count_odd(from[j], size, counts[first + j]);
                if (rows.holes) mark(from[j], size, rows.holes + at);
            }
        }
}

}  // namespace shardlearn::SHARDLEARN_ISA
