// Arrays as they come from Python, checked: wrong dtype or layout is a TypeError, wrong shape a ValueError.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <initializer_list>
#include <optional>
#include <string>

#include "cpu.hpp"
#include "modes.hpp"

namespace shardlearn {

namespace nb = nanobind;
using i64 = std::int64_t;

template <class T>
using In = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;
template <class T>
using Out = nb::ndarray<T, nb::c_contig, nb::device::cpu>;
template <class T>
using Maybe = std::optional<In<T>>;
using AnyIn = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

// Without the interpreter's lock, rounding to nearest and with subnormals; as before at the end.
struct Outside {
    nb::gil_scoped_release released;
    Modes before = modes();
    Outside() { set_modes(USUAL_MODES); }
    ~Outside() { set_modes(before); }
};

template <class A>
std::string shape_of(const A& a) {
    std::string out = "(";
    for (std::size_t d = 0; d < a.ndim(); ++d) out += (d ? ", " : "") + std::to_string(a.shape(d));
    return out + ")";
}

// The array's values, once its shape is `needed` (-1: any) and its address a multiple of its item's size.
template <class A>
auto values(const A& a, std::initializer_list<i64> needed, const char* name) {
    bool fits = a.ndim() == needed.size();
    std::size_t d = 0;
    for (i64 size : needed) {
        fits = fits && (size < 0 || static_cast<i64>(a.shape(d)) == size);
        ++d;
    }
    if (!fits) {
        std::string text = "(";
        for (i64 size : needed)
            text += (text.size() > 1 ? ", " : "") + (size < 0 ? std::string("any") : std::to_string(size));
        throw nb::value_error((std::string(name) + " has shape " + shape_of(a) + "; " + text + ") is needed.").c_str());
    }
    if (reinterpret_cast<std::uintptr_t>(a.data()) % (a.dtype().bits / 8) != 0)
        throw nb::value_error((std::string(name) + " is not aligned to its dtype; copy it.").c_str());
    return a.data();
}

template <class T>
const T* values(const Maybe<T>& a, std::initializer_list<i64> needed, const char* name) {
    return a ? values(*a, needed, name) : nullptr;
}

struct RowsIn {  // the four fields of core.matrix.raw
    const AnyIn& data;
    const Maybe<std::int32_t>& indices;
    const Maybe<i64>& indptr;
    i64 p;
};

Rows rows_of(const RowsIn& in);

constexpr i64 MOST_ROOM = 51;  // bits of a limb

// Fixed point whose sums have so many limbs, for each of the layers of whole weights.
Fixed layered(const double* factor, i64 room, i64 limbs, i64 layers, i64 bits);

// Refuses labels outside of least..k - 1.
void within(const std::int32_t* labels, i64 n, i64 least, i64 k);

}  // namespace shardlearn
