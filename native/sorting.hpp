// Sparse rows whose stored values are to lie in order of their columns.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace shardlearn {

// Each row's columns, ascending, and its values with them. A row is short beside the table, so it is sorted while it is in
// the cache: by insertion, in a line of all columns where that has room in the cache, else digit after digit of its
// columns' numbers. The columns' numbers must be below `columns`.
template <class T>
class RowSorter {
   public:
    explicit RowSorter(std::int64_t columns) : columns_(columns) {
        for (; digits_ < 4 && columns - 1 >= std::int64_t{1} << DIGIT * digits_;) ++digits_;
    }

    // Whether no column is there twice.
    bool sort(const std::int32_t* columns, const T* values, std::int64_t n, std::int32_t* to_columns, T* to_values) {
        if (std::adjacent_find(columns, columns + n, [](auto a, auto b) { return a >= b; }) == columns + n) {
            std::copy(columns, columns + n, to_columns), std::copy(values, values + n, to_values);
            return true;
        }
        if (n >= SOME && columns_ <= LINE) return in_line(columns, values, n, to_columns, to_values);
        if (const auto room = static_cast<std::size_t>(n); keys_.size() < room) keys_.resize(room), other_.resize(room);
        for (std::int64_t t = 0; t < n; ++t) keys_[at(t)] = static_cast<std::uint64_t>(columns[t]) << 32 | static_cast<std::uint32_t>(t);
        n < FEW ? by_insertion(n) : by_digits(n);
        bool once = true;
        for (std::int64_t t = 0; t < n; ++t) {
            to_columns[t] = static_cast<std::int32_t>(keys_[at(t)] >> 32);
            to_values[t] = values[keys_[at(t)] & 0xffffffff];
            once = once && (t == 0 || to_columns[t - 1] < to_columns[t]);
        }
        return once;
    }

   private:
    static constexpr int DIGIT = 8, SOME = 16, FEW = 48;  // measured
    static constexpr std::int64_t LINE = 1 << 17;
    static std::size_t at(std::int64_t t) { return static_cast<std::size_t>(t); }

    // Each value at its column of a line; the columns that are there are the bits of `there_`, and its words that are not
    // zero the bits of `words_`.
    bool in_line(const std::int32_t* columns, const T* values, std::int64_t n, std::int32_t* to_columns, T* to_values) {
        line_.resize(at(columns_)), there_.resize(at(columns_ / 64 + 1)), words_.resize(at(columns_ / 4096 + 1));
        for (std::int64_t t = 0; t < n; ++t) {
            const auto c = static_cast<std::uint32_t>(columns[t]);
            line_[c] = values[t];
            there_[c / 64] |= std::uint64_t{1} << c % 64;
            words_[c / 4096] |= std::uint64_t{1} << c / 64 % 64;
        }
        std::int64_t done = 0;
        for (std::size_t i = 0; i < words_.size(); ++i)
            for (; words_[i]; words_[i] &= words_[i] - 1) {
                const std::size_t word = i * 64 + static_cast<std::size_t>(__builtin_ctzll(words_[i]));
                for (std::uint64_t bits = there_[word]; bits; bits &= bits - 1) {
                    const std::size_t c = word * 64 + static_cast<std::size_t>(__builtin_ctzll(bits));
                    to_columns[done] = static_cast<std::int32_t>(c), to_values[done] = line_[c];
                    ++done;
                }
                there_[word] = 0;
            }
        return done == n;
    }

    void by_insertion(std::int64_t n) {
        for (std::int64_t t = 1; t < n; ++t) {
            const std::uint64_t key = keys_[at(t)];
            std::int64_t to = t;
            for (; to > 0 && keys_[at(to - 1)] > key; --to) keys_[at(to)] = keys_[at(to - 1)];
            keys_[at(to)] = key;
        }
    }

    void by_digits(std::int64_t n) {
        for (int digit = 0; digit < digits_; ++digit) {
            const int shift = 32 + DIGIT * digit;
            auto of = [&](std::uint64_t key) { return static_cast<std::size_t>(key >> shift & ((1 << DIGIT) - 1)); };
            std::array<std::int64_t, 1 << DIGIT> next = {};
            for (std::int64_t t = 0; t < n; ++t) ++next[of(keys_[at(t)])];
            std::int64_t first = 0;
            for (std::int64_t& count : next) first += count, count = first - count;
            for (std::int64_t t = 0; t < n; ++t) other_[at(next[of(keys_[at(t)])]++)] = keys_[at(t)];
            keys_.swap(other_);
        }
    }

    std::int64_t columns_;
    int digits_ = 1;
    std::vector<T> line_;
    std::vector<std::uint64_t> there_, words_;
    std::vector<std::uint64_t> keys_, other_;  // a column, and where it was in its row
};

}  // namespace shardlearn
