// Whole numbers, random ones, and columns that become rows.
#include "program.hpp"

using namespace program;

namespace {

Vec<i64> many(u64 seed, i64 n) {  // of all sizes
    Vec<i64> out;
    for (i64 i = 0; i < n; ++i) {
        u64 z = mixed((seed << 32) + static_cast<u64>(i));
        out.push_back(static_cast<i64>(z) >> (z & 63));
    }
    return out;
}
Vec<i64> spread(Vec<i64> few, i64 by) {
    for (i64& v : few) v *= by;
    return few;
}

template <class T>
Vec<T> as(const Vec<i64>& from) {
    Vec<T> out;
    for (i64 v : from) out.push_back(static_cast<T>(v));
    return out;
}

struct Columns {
    static constexpr i64 N = 203;
    Vector f64 = odd(51, N, 9);
    Vec<float> f32 = single(f64);
    Vec<i64> i64s = many(52, N);
    Vec<std::int8_t> i8 = as<std::int8_t>(i64s);
    Vec<std::int16_t> i16 = as<std::int16_t>(i64s);
    Vec<std::int32_t> i32 = as<std::int32_t>(i64s);
    Vec<std::uint8_t> u8 = as<std::uint8_t>(i64s), valid = as<std::uint8_t>(many(53, N));
    Vec<std::uint16_t> u16 = as<std::uint16_t>(i64s);
    Vec<std::uint32_t> u32 = as<std::uint32_t>(i64s);
    Vec<u64> u64s = as<u64>(i64s);
    Vec<i64> decimals = many(54, 2 * N);  // two words each; the high ones small
    Vec<PackColumn> all;

    Columns() {
        for (i64 i = 0; i < N; ++i) decimals[size(2 * i + 1)] = i % 3 ? (decimals[size(2 * i)] < 0 ? -1 : 0) : i - 100;
        for (const std::uint8_t* bits : {static_cast<const std::uint8_t*>(nullptr), static_cast<const std::uint8_t*>(valid.data())})
            for (i64 first : {0, 3}) {
                auto add = [&](Code code, const void* from, i64 argument = 0) { all.push_back({code, argument, from, bits, first}); };
                add(Code::F64, f64.data()), add(Code::F32, f32.data());
                add(Code::I8, i8.data()), add(Code::I16, i16.data()), add(Code::I32, i32.data()), add(Code::I64, i64s.data());
                add(Code::U8, u8.data()), add(Code::U16, u16.data()), add(Code::U32, u32.data()), add(Code::U64, u64s.data());
                add(Code::BOOL, u8.data()), add(Code::DECIMAL, decimals.data(), 9), add(Code::DECIMAL, decimals.data(), 30);
                add(Code::NOTHING, nullptr), add(Code::PARTS32, i32.data(), 1000), add(Code::PARTS64, i64s.data(), 1000000);
            }
    }
};

template <class Out, class Pack>
void rows_of(Hash& hash, Pack pack) {
    Columns columns;
    for (i64 width : {1, 3, 8, 13, static_cast<int>(columns.all.size())})
        for (i64 n : {1, 8, 64, 200}) {
            Vec<Out> out(size(n * (width + 2)));
            Vec<PackCounts> counts(size(width));
            bool holes[200] = {};
            pack(columns.all.data(), {n, width, width + 2, counts.data(), holes}, out.data());
            hash.add(out);
            for (const PackCounts& c : counts) hash.add(c.missing, c.infinite, c.large);
            for (i64 i = 0; i < n; ++i) hash.add(holes[i]);
        }
}

}  // namespace

CASE(distinct, "few, many, far apart") {
    for (const Vec<i64>& y : {wholes<i64>(55, 1001, -4, 5), spread(wholes<i64>(55, 1001, -4, 5), 1000000000000), many(56, 701)}) {
        Vec<i64> values(800), counts(800);
        for (i64 limit : {800, 3}) {
            i64 found = kernels.distinct(y.data(), static_cast<i64>(y.size()), limit, values.data(), counts.data());
            hash.add(found);
            for (i64 i = 0; i < found; ++i) hash.add(values[size(i)], counts[size(i)]);
        }
    }
}
CASE(encode, "near and far apart") {
    for (i64 by : {i64{1}, i64{1000000000000}}) {
        Vec<i64> y = spread(wholes<i64>(57, 501, -6, 7), by), classes = spread({-4, -2, 0, 1, 5}, by);
        Vector codes(y.size());
        kernels.encode(y.data(), 501, classes.data(), 5, codes.data());
        hash.add(codes);
    }
}
CASE(philox, "ids") {
    Vec<i64> ids = many(58, 301);
    Vec<std::uint32_t> out(4 * ids.size());
    kernels.philox(0x8000000000000005ull, 7, ids.data(), 301, 1, 2, out.data());
    hash.add(out);
}
CASE(uniform, "ids") {
    Vec<i64> ids = many(58, 301);
    Vector out(ids.size());
    kernels.uniform(0x8000000000000005ull, 7, ids.data(), 301, 1, out.data());
    hash.add(out);
}
CASE(pack64, "columns of every kind") { rows_of<double>(hash, kernels.pack64); }
CASE(pack32, "columns of every kind") { rows_of<float>(hash, kernels.pack32); }
