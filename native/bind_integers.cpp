// Bindings of distinct values, class codes and Philox; results go into arrays that the caller made.
#include "arrays.hpp"

namespace shardlearn {
namespace {

i64 distinct(const In<i64>& y, const Out<i64>& found, const Out<i64>& counts) {
    const i64* from = values(y, {-1}, "y");
    i64 limit = static_cast<i64>(found.shape(0));
    i64 *to = values(found, {-1}, "values"), *numbers = values(counts, {limit}, "counts");
    Outside o;
    return kernels().distinct(from, static_cast<i64>(y.shape(0)), limit, to, numbers);
}

void encode(const In<i64>& y, const In<i64>& classes, const Out<double>& codes) {
    const i64 *from = values(y, {-1}, "y"), *known = values(classes, {-1}, "classes");
    i64 n = static_cast<i64>(y.shape(0)), k = static_cast<i64>(classes.shape(0));
    for (i64 c = 1; c < k; ++c)
        if (known[c - 1] >= known[c]) throw nb::value_error("classes must ascend, each once.");
    double* to = values(codes, {n}, "codes");
    Outside o;
    kernels().encode(from, n, known, k, to);
}

void philox(std::uint64_t seed, std::uint32_t purpose, const In<i64>& ids, std::uint32_t stream, std::uint32_t draw_block,
            const Out<std::uint32_t>& out) {
    const i64* from = values(ids, {-1}, "ids");
    i64 n = static_cast<i64>(ids.shape(0));
    std::uint32_t* to = values(out, {n, 4}, "out");
    Outside o;
    kernels().philox(seed, purpose, from, n, stream, draw_block, to);
}

void uniform(std::uint64_t seed, std::uint32_t purpose, const In<i64>& ids, std::uint32_t stream, const Out<double>& out) {
    const i64* from = values(ids, {-1}, "ids");
    i64 n = static_cast<i64>(ids.shape(0));
    double* to = values(out, {n}, "out");
    Outside o;
    kernels().uniform(seed, purpose, from, n, stream, to);
}

}  // namespace

void bind_integers(nb::module_& m) {
    auto y = nb::arg("y").noconvert();
    m.def("distinct_i64", distinct, y, nb::arg("values").noconvert(), nb::arg("counts").noconvert());
    m.def("encode_i64", encode, y, nb::arg("classes").noconvert(), nb::arg("codes").noconvert());
    m.def("philox", philox, nb::arg("seed"), nb::arg("purpose"), nb::arg("ids").noconvert(), nb::arg("stream"),
          nb::arg("draw_block"), nb::arg("out").noconvert());
    m.def("uniform", uniform, nb::arg("seed"), nb::arg("purpose"), nb::arg("ids").noconvert(), nb::arg("stream"),
          nb::arg("out").noconvert());
}

}  // namespace shardlearn
