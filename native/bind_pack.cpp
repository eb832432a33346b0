// Bindings of the row packing: native/pack.hpp.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>

#include "pack.hpp"

namespace nb = nanobind;
namespace pack = shardlearn::pack;

namespace {

using Block64 = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Block32 = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Tally = nb::ndarray<int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// What a batch's columns are, worked out once for a reader.
struct Columns {
    std::vector<int32_t> which;
    std::vector<int32_t> codes;
    std::vector<int64_t> arguments;
};

template <class Block>
void pack_rows(nb::handle batch, const Columns& columns, int64_t start, int64_t stop, Block out, int64_t row,
               Tally counts) {
    using Out = typename Block::Scalar;
    auto* array = static_cast<const pack::ArrowArray*>(PyCapsule_GetPointer(batch.ptr(), "arrow_array"));
    if (!array) throw nb::python_error();
    const int64_t p = int64_t(columns.which.size());
    if (start < 0 || stop < start || stop > array->length) throw std::out_of_range("rows outside the batch");
    if (row < 0 || row + (stop - start) > int64_t(out.shape(0)) || p > int64_t(out.shape(1)))
        throw std::out_of_range("rows outside the block");
    if (int64_t(counts.shape(0)) != p || counts.shape(1) != 3) throw std::invalid_argument("counts is not (columns, 3)");
    for (int32_t i : columns.which)
        if (i < 0 || i >= array->n_children) throw std::out_of_range("no such column in the batch");
    Out* to = out.data() + row * int64_t(out.shape(1));
    auto* tally = reinterpret_cast<pack::Counts*>(counts.data());
    nb::gil_scoped_release nogil;
    pack::rows<Out>(*array, columns.which, columns.codes, columns.arguments, start, stop - start, to,
                    int64_t(out.shape(1)), tally);
}

}  // namespace

void bind_pack(nb::module_& m) {
    nb::class_<Columns>(m, "PackColumns", "Which columns of a record batch are packed, and how")
        .def("__init__",
             [](Columns* self, std::vector<int32_t> which, std::vector<int32_t> codes, std::vector<int64_t> arguments) {
                 if (which.size() != codes.size() || which.size() != arguments.size())
                     throw std::invalid_argument("lists of different lengths");
                 for (int32_t code : codes)
                     if (code < 0 || code > int32_t(pack::Code::PARTS64)) throw std::invalid_argument("unknown code");
                 new (self) Columns{std::move(which), std::move(codes), std::move(arguments)};
             },
             nb::arg("which"), nb::arg("codes"), nb::arg("arguments"));
    const char* doc = "Rows start to stop of an exported record batch into the rows of `out` from `row` on";
    m.def("pack_rows", &pack_rows<Block64>, nb::arg("batch"), nb::arg("columns"), nb::arg("start"), nb::arg("stop"),
          nb::arg("out").noconvert(), nb::arg("row"), nb::arg("counts").noconvert(), doc);
    m.def("pack_rows", &pack_rows<Block32>, nb::arg("batch"), nb::arg("columns"), nb::arg("start"), nb::arg("stop"),
          nb::arg("out").noconvert(), nb::arg("row"), nb::arg("counts").noconvert(), doc);
}
