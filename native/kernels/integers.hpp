// Integers: distinct values, class codes, and Philox4x32-10 (Salmon, Moraes, Dror & Shaw, 2011).
#pragma once
#include "../table.hpp"
#include "../simd/simd.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr i64 NARROW = 1 << 14;  // a range of values that is counted in a table

SL_INLINE void range_of(const i64* y, i64 n, i64& low, i64& high) {
    low = high = y[0];
    for (i64 i = 1; i < n; ++i) low = least(low, y[i]), high = most(high, y[i]);
}
SL_INLINE bool narrow(i64 low, i64 high) {
    return static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) < static_cast<std::uint64_t>(NARROW);
}

// Counts in four tables, so that equal neighbours don't wait for each other.
inline i64 distinct_narrow(const i64* y, i64 n, i64 low, i64 high, i64 limit, i64* values, i64* counts) {
    i64 range = high - low + 1;
    i64* table = reinterpret_cast<i64*>(scratch(0, 4 * range));
    for (i64 v = 0; v < 4 * range; ++v) table[v] = 0;
    i64 i = 0;
    for (; i + 4 <= n; i += 4)
        for (int t = 0; t < 4; ++t) ++table[t * range + (y[i + t] - low)];
    for (; i < n; ++i) ++table[y[i] - low];
    i64 found = 0;
    for (i64 v = 0; v < range; ++v) {
        i64 count = table[v] + table[range + v] + table[2 * range + v] + table[3 * range + v];
        if (count == 0) continue;
        if (found == limit) return -1;
        values[found] = low + v, counts[found++] = count;
    }
    return found;
}

inline void sort_pairs(i64* values, i64* counts, i64 n) {  // Shell's sort (Ciura's gaps)
    const i64 gaps[] = {1577940, 701307, 310571, 138042, 61348, 27265, 12117, 5385, 2393,
                        1063,    472,    209,    90,     38,    17,    7,     3,    1};
    for (i64 gap : gaps)
        for (i64 i = gap; i < n; ++i) {
            i64 value = values[i], count = counts[i], j = i;
            for (; j >= gap && values[j - gap] > value; j -= gap) values[j] = values[j - gap], counts[j] = counts[j - gap];
            values[j] = value, counts[j] = count;
        }
}

SL_INLINE std::uint64_t mixed(i64 value) {
    std::uint64_t h = static_cast<std::uint64_t>(value) * 0x9e3779b97f4a7c15ull;
    return h ^ (h >> 32);
}

// The number of distinct values, sorted with their counts, or -1 beyond the limit. A table of positions, half full at most.
inline i64 distinct(const i64* y, i64 n, i64 limit, i64* values, i64* counts) {
    if (n == 0) return 0;
    i64 low, high;
    range_of(y, n, low, high);
    if (narrow(low, high)) return distinct_narrow(y, n, low, high, limit, values, counts);
    i64 size = 16;
    while (size < 2 * (least(limit, n) + 1)) size *= 2;
    i64* slots = reinterpret_cast<i64*>(scratch(0, size));
    for (i64 s = 0; s < size; ++s) slots[s] = -1;
    i64 found = 0;
    for (i64 i = 0; i < n; ++i) {
        i64 s = static_cast<i64>(mixed(y[i]) & static_cast<std::uint64_t>(size - 1));
        while (slots[s] >= 0 && values[slots[s]] != y[i]) s = (s + 1) & (size - 1);
        if (slots[s] < 0) {
            if (found == limit) return -1;
            slots[s] = found, values[found] = y[i], counts[found++] = 0;
        }
        ++counts[slots[s]];
    }
    sort_pairs(values, counts, found);
    return found;
}

// The position of each value among the ascending classes, -1 where it is none of them.
inline void encode(const i64* y, i64 n, const i64* classes, i64 k, double* codes) {
    if (k > 0 && narrow(classes[0], classes[k - 1])) {
        i64 low = classes[0], range = classes[k - 1] - low + 1;
        double* table = scratch(0, range);
        for (i64 v = 0; v < range; ++v) table[v] = -1.0;
        for (i64 c = 0; c < k; ++c) table[classes[c] - low] = static_cast<double>(c);
        for (i64 i = 0; i < n; ++i) {
            std::uint64_t at = static_cast<std::uint64_t>(y[i]) - static_cast<std::uint64_t>(low);
            codes[i] = at < static_cast<std::uint64_t>(range) ? table[at] : -1.0;
        }
        return;
    }
    for (i64 i = 0; i < n; ++i) {
        i64 from = 0;
        for (i64 left = k; left > 1;) {
            i64 half = left / 2;
            from = classes[from + half] <= y[i] ? from + half : from;
            left -= half;
        }
        codes[i] = k > 0 && classes[from] == y[i] ? static_cast<double>(from) : -1.0;
    }
}

SL_INLINE void philox_round(std::uint32_t* c, const std::uint32_t* key) {
    std::uint64_t a = 0xd2511f53ull * c[0], b = 0xcd9e8d57ull * c[2];
    std::uint32_t c1 = c[1], c3 = c[3];
    c[0] = static_cast<std::uint32_t>(b >> 32) ^ c1 ^ key[0];
    c[1] = static_cast<std::uint32_t>(b);
    c[2] = static_cast<std::uint32_t>(a >> 32) ^ c3 ^ key[1];
    c[3] = static_cast<std::uint32_t>(a);
}

// Calls use(i, words) with the four words of each id.
template <class Use>
SL_INLINE void each_words(std::uint64_t seed, std::uint32_t purpose, const i64* ids, i64 n, std::uint32_t stream,
                          std::uint32_t draw_block, Use use) {
    for (i64 i = 0; i < n; ++i) {
        std::uint64_t id = static_cast<std::uint64_t>(ids[i]);
        std::uint32_t key[2] = {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32) ^ purpose};
        std::uint32_t c[4] = {static_cast<std::uint32_t>(id), static_cast<std::uint32_t>(id >> 32), stream, draw_block};
        for (int round = 0; round < 10; ++round) {
            philox_round(c, key);
            key[0] += 0x9e3779b9u, key[1] += 0xbb67ae85u;
        }
        use(i, c);
    }
}

inline void philox(std::uint64_t seed, std::uint32_t purpose, const i64* ids, i64 n, std::uint32_t stream,
                   std::uint32_t draw_block, std::uint32_t* out) {
    each_words(seed, purpose, ids, n, stream, draw_block, [&](i64 i, const std::uint32_t* words) {
        for (int w = 0; w < 4; ++w) out[4 * i + w] = words[w];
    });
}

// 53 bits of the first two words, in [0, 1).
inline void uniform(std::uint64_t seed, std::uint32_t purpose, const i64* ids, i64 n, std::uint32_t stream, double* out) {
    each_words(seed, purpose, ids, n, stream, 0, [&](i64 i, const std::uint32_t* words) {
        std::uint64_t bits = (static_cast<std::uint64_t>(words[1]) << 32 | words[0]) >> 11;
        out[i] = static_cast<double>(static_cast<i64>(bits)) * 0x1p-53;
    });
}

}  // namespace shardlearn::SHARDLEARN_ISA
