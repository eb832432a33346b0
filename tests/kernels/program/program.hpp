// Every kernel on generated data: a case feeds what a kernel answers to a hash, and the hashes of two builds are compared.
//
// To add a kernel, write a CASE with its name as it is in native/table.hpp, beside those like it.
#pragma once
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "table.hpp"

namespace program {

using namespace shardlearn;
using i64 = std::int64_t;
using u64 = std::uint64_t;
template <class T>
using Vec = std::vector<T>;
using Vector = Vec<double>;

inline u64 mixed(u64 z) {  // splitmix64
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

// Of values in their order. NaN is NaN: which bits it has is the processor's choice.
class Hash {
   public:
    u64 value() const { return sum_; }
    void add(double x) { word(x == x ? bits<u64>(x) : 0x7ff8000000000000ull); }
    void add(float x) { word(x == x ? bits<std::uint32_t>(x) : 0x7fc00000u); }
    template <class T>
    void add(T x) {
        static_assert(std::numeric_limits<T>::is_integer, "integers, float or double");
        word(static_cast<u64>(static_cast<i64>(x)));
    }
    template <class T>
    void add(const Vec<T>& all) {
        for (T x : all) add(x);
    }
    template <class T, class... More>
    void add(const T& first, const More&... more) {
        add(first);
        (add(more), ...);
    }

   private:
    u64 sum_ = 0, count_ = 0;
    void word(u64 w) { sum_ += mixed(w + ++count_ * 0x9e3779b97f4a7c15ull); }
    template <class B, class T>
    static B bits(T x) {
        B out;
        std::memcpy(&out, &x, sizeof out);
        return out;
    }
};

struct Case {
    const char *kernel, *on;
    void (*run)(const Table&, Hash&);
};
inline Vec<Case>& cases() {
    static Vec<Case> all;
    return all;
}
struct Listed {
    explicit Listed(const Case& one) { cases().push_back(one); }
};

#define SL_CASE_JOIN(a, b) a##b
#define SL_CASE_NAME(a, b) SL_CASE_JOIN(a, b)
// CASE(kernel, what the data are) { kernels.kernel(...); hash.add(...); }
#define CASE(kernel, on)                                                                                       \
    static void SL_CASE_NAME(run_, __LINE__)(const Table&, Hash&);                                             \
    static const Listed SL_CASE_NAME(listed_, __LINE__)({#kernel, on, SL_CASE_NAME(run_, __LINE__)});          \
    static void SL_CASE_NAME(run_, __LINE__)([[maybe_unused]] const Table& kernels, [[maybe_unused]] Hash& hash)

inline std::size_t size(i64 n) { return static_cast<std::size_t>(n); }

// Doubles with 40 random bits: exact, and the same in Python.
inline Vector numbers(u64 seed, i64 n) {
    Vector out(size(n));
    for (i64 i = 0; i < n; ++i) {
        u64 z = mixed((seed << 32) + static_cast<u64>(i) * 0x9e3779b97f4a7c15ull) >> 24;
        out[size(i)] = (static_cast<double>(z) - 0x1p39) * 0x1p-38;
    }
    return out;
}

inline Vector absolute(Vector x) {
    for (double& v : x) v = v < 0 ? -v : v;
    return x;
}
inline Vector times(double by, Vector x) {
    for (double& v : x) v *= by;
    return x;
}
inline Vector plus(double by, Vector x) {
    for (double& v : x) v += by;
    return x;
}
// Whole numbers between -4 and 4: rows and distances have many equals.
inline Vector grid(u64 seed, i64 n) {
    Vector out = numbers(seed, n);
    for (double& v : out) v = __builtin_rint(2 * v);
    return out;
}
// Every so often a zero, a subnormal, a large one, an infinity, NaN.
inline Vector odd(u64 seed, i64 n, i64 every = 7) {
    const double some[] = {0.0, -0.0, 5e-324, -5e-324, 1e-310, -1e-310, 0x1p-149, 1e300, -1e300,
                           __builtin_inf(), -__builtin_inf(), __builtin_nan(""), 0x1p-1022, 1.0};
    Vector out = numbers(seed, n);
    for (i64 i = 0, j = 0; i < n; i += every, ++j) out[size(i)] = some[j % 14];
    return out;
}
inline Vec<float> single(const Vector& x) { return Vec<float>(x.begin(), x.end()); }
template <class T>
Vec<T> wholes(u64 seed, i64 n, double low, double high) {  // from low to below high
    Vec<T> out;
    for (double v : numbers(seed, n)) out.push_back(static_cast<T>(low + (v + 2.0) / 4.0 * (high - low)));
    return out;
}

// Rows in both precisions; dense ones where nothing else is asked for.
struct Table2d {
    i64 n, p;
    Vector wide;
    Vec<float> narrow;
    Vec<std::int32_t> indices;
    Vec<i64> indptr;

    Table2d(i64 rows, i64 columns, Vector values) : n(rows), p(columns), wide(std::move(values)), narrow(single(wide)) {}
    // Those of the values that a seed picks, about one in four.
    static Table2d sparse(i64 rows, i64 columns, const Vector& values, u64 seed) {
        Table2d out(rows, columns, {});
        Vector coin = numbers(seed, rows * columns);
        out.indptr.push_back(0);
        for (i64 i = 0; i < rows; ++i) {
            for (i64 j = 0; j < columns; ++j)
                if (coin[size(i * columns + j)] < -1.0)
                    out.wide.push_back(values[size(i * columns + j)]), out.indices.push_back(static_cast<std::int32_t>(j));
            out.indptr.push_back(static_cast<i64>(out.wide.size()));
        }
        out.narrow = single(out.wide);
        return out;
    }
    Rows rows(bool is_single) const {
        const void* data = is_single ? static_cast<const void*>(narrow.data()) : static_cast<const void*>(wide.data());
        bool dense = indptr.empty();
        return {data, dense ? nullptr : indices.data(), dense ? nullptr : indptr.data(), n, p, is_single};
    }
    // f(rows) for float64, then float32.
    template <class F>
    void both(F f) const {
        f(rows(false)), f(rows(true));
    }
};

}  // namespace program
