// Bindings of the row packing: native/pack.hpp.
#include <nanobind/stl/vector.h>

#include <stdexcept>

#include "arrays.hpp"
#include "pack.hpp"
#include "pack_csv.hpp"
#include "pack_svmlight.hpp"
#include "sorting.hpp"

namespace nb = nanobind;
namespace pack = shardlearn::pack;

namespace {

using Block64 = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Block32 = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Holes = nb::ndarray<bool, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Tally = nb::ndarray<int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

template <class Block>
void pack_rows(nb::handle batch, const pack::Columns& columns, int64_t start, int64_t stop, Block out, int64_t row,
               Tally counts, std::optional<Holes> holes) {
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
    if (holes && row + (stop - start) > int64_t(holes->shape(0))) throw std::out_of_range("rows outside the holes");
    const std::vector<shardlearn::PackColumn> from = pack::columns_of(*array, columns, start);
    Out* to = out.data() + row * int64_t(out.shape(1));
    const shardlearn::PackRows rows = {stop - start, p, int64_t(out.shape(1)),
                                       reinterpret_cast<shardlearn::PackCounts*>(counts.data()),
                                       holes ? holes->data() + row : nullptr};
    shardlearn::Outside o;
    if constexpr (std::is_same_v<Out, double>)
        shardlearn::kernels().pack64(from.data(), rows, to);
    else
        shardlearn::kernels().pack32(from.data(), rows, to);
}

template <class T>
bool sort_rows(const shardlearn::In<int32_t>& indices, const shardlearn::In<T>& data, const shardlearn::In<int64_t>& indptr,
               int64_t columns, const shardlearn::Out<int32_t>& to_indices, const shardlearn::Out<T>& to_data) {
    using shardlearn::values;
    const auto nnz = static_cast<int64_t>(indices.shape(0)), n = static_cast<int64_t>(indptr.shape(0)) - 1;
    const int32_t* from = values(indices, {nnz}, "indices");
    const int64_t* starts = values(indptr, {-1}, "indptr");
    const T* of = values(data, {nnz}, "data");
    int32_t* to = values(to_indices, {nnz}, "to_indices");
    T* values_to = values(to_data, {nnz}, "to_data");
    shardlearn::Outside o;
    if (n < 0 || starts[0] != 0 || starts[n] != nnz || !std::is_sorted(starts, starts + n + 1))
        throw nb::value_error("indptr does not cut the stored values into rows.");
    bool once = true;
    shardlearn::RowSorter<T> sorter(columns);
    for (int64_t i = 0; i < n; ++i) {
        const int64_t first = starts[i];
        once = sorter.sort(from + first, of + first, starts[i + 1] - first, to + first, values_to + first) && once;
    }
    return once;
}

// A vector handed over to NumPy, without a copy.
template <class T>
nb::ndarray<nb::numpy, T, nb::ndim<1>> array_of(std::vector<T>&& values) {
    auto* held = new std::vector<T>(std::move(values));
    nb::capsule owner(held, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
    return {held->data(), {held->size()}, owner};
}

struct Text {
    Py_buffer view;
    explicit Text(nb::handle data) {
        if (PyObject_GetBuffer(data.ptr(), &view, PyBUF_SIMPLE)) throw nb::python_error();
    }
    ~Text() { PyBuffer_Release(&view); }
    const char* data() const { return static_cast<const char*>(view.buf); }
    size_t size() const { return size_t(view.len); }
};

template <class Scanner>
void feed(Scanner& scanner, nb::handle data) {
    Text text(data);
    nb::gil_scoped_release nogil;
    scanner.feed(text.data(), text.size());
}

// Ten counts a column, in the order of CsvColumn's fields.
std::vector<std::vector<int64_t>> csv_columns(const pack::CsvScanner& scanner) {
    std::vector<std::vector<int64_t>> out;
    for (const pack::CsvColumn& c : scanner.columns)
        out.push_back({c.missing, c.integers, c.floats, c.bools, c.strings, c.large, c.first_large, c.huge,
                       c.first_missing});
    return out;
}

nb::tuple parse_svmlight(nb::handle data, int64_t base) {
    Text text(data);
    pack::SvmRows rows;
    {
        nb::gil_scoped_release nogil;
        rows = pack::svm_rows(text.data(), text.size(), base);
    }
    return nb::make_tuple(array_of(std::move(rows.values)), array_of(std::move(rows.indices)),
                          array_of(std::move(rows.indptr)), array_of(std::move(rows.labels)));
}

void bind_text(nb::module_& m) {
    using pack::CsvScanner;
    using pack::SvmScanner;
    nb::class_<CsvScanner>(m, "CsvScanner", "One pass over a CSV: row offsets, and what each column holds")
        .def("__init__",
             [](CsvScanner* self, const std::string& delimiter, const std::vector<std::string>& nulls, int64_t stride) {
                 if (delimiter.size() != 1 || stride < 1) throw std::invalid_argument("delimiter or stride");
                 new (self) CsvScanner(delimiter[0], nulls, stride);
             },
             nb::arg("delimiter"), nb::arg("nulls"), nb::arg("stride"))
        .def("feed", &feed<CsvScanner>, nb::arg("data"))
        .def("finish", &CsvScanner::finish, nb::call_guard<nb::gil_scoped_release>())
        .def("names",
             [](const CsvScanner& s) {
                 nb::list out;
                 for (const std::string& name : s.names)
                     out.append(nb::steal(PyUnicode_DecodeUTF8(name.data(), Py_ssize_t(name.size()), "replace")));
                 return out;
             },
             nb::sig("def names(self) -> list[str]"))
        .def("columns", &csv_columns)
        .def("offsets", [](const CsvScanner& s) { return array_of(std::vector<int64_t>(s.offsets)); })
        .def_ro("rows", &CsvScanner::rows)
        .def_ro("ragged", &CsvScanner::ragged)
        .def_ro("first_ragged", &CsvScanner::first_ragged)
        .def_ro("first_ragged_fields", &CsvScanner::first_ragged_fields);
    nb::class_<SvmScanner>(m, "SvmScanner", "One pass over svmlight text: row offsets, non-zeros, indices")
        .def(nb::init<int64_t>(), nb::arg("stride"))
        .def("feed", &feed<SvmScanner>, nb::arg("data"))
        .def("finish", &SvmScanner::finish)
        .def("offsets", [](const SvmScanner& s) { return array_of(std::vector<int64_t>(s.offsets)); })
        .def("stored_before", [](const SvmScanner& s) { return array_of(std::vector<int64_t>(s.stored_before)); })
        .def_ro("rows", &SvmScanner::rows)
        .def_ro("stored", &SvmScanner::stored)
        .def_ro("least", &SvmScanner::least)
        .def_ro("largest", &SvmScanner::largest)
        .def_ro("bad_row", &SvmScanner::bad_row)
        .def_ro("bad_kind", &SvmScanner::bad_kind)
        .def_ro("whole_labels", &SvmScanner::whole_labels);
    m.def("parse_svmlight", &parse_svmlight, nb::arg("data"), nb::arg("base"),
          "Whole svmlight lines as (values, indices, indptr, labels)");
}

}  // namespace

void bind_pack(nb::module_& m) {
    bind_text(m);
    const char* sorted = "Sparse rows with their columns in order; whether none is there twice";
    m.def("sort_rows", &sort_rows<double>, nb::arg("indices").noconvert(), nb::arg("data").noconvert(),
          nb::arg("indptr").noconvert(), nb::arg("columns"), nb::arg("to_indices").noconvert(), nb::arg("to_data").noconvert(),
          sorted);
    m.def("sort_rows", &sort_rows<float>, nb::arg("indices").noconvert(), nb::arg("data").noconvert(),
          nb::arg("indptr").noconvert(), nb::arg("columns"), nb::arg("to_indices").noconvert(), nb::arg("to_data").noconvert(),
          sorted);
    nb::class_<pack::Columns>(m, "PackColumns", "Which columns of a record batch are packed, and how")
        .def("__init__",
             [](pack::Columns* self, std::vector<int32_t> which, std::vector<int32_t> codes, std::vector<int64_t> arguments) {
                 if (which.size() != codes.size() || which.size() != arguments.size())
                     throw std::invalid_argument("lists of different lengths");
                 for (int32_t code : codes)
                     if (code < 0 || code > int32_t(shardlearn::Code::PARTS64)) throw std::invalid_argument("unknown code");
                 new (self) pack::Columns{std::move(which), std::move(codes), std::move(arguments)};
             },
             nb::arg("which"), nb::arg("codes"), nb::arg("arguments"));
    const char* doc = "Rows start to stop of an exported record batch into the rows of `out` from `row` on";
    m.def("pack_rows", &pack_rows<Block64>, nb::arg("batch"), nb::arg("columns"), nb::arg("start"), nb::arg("stop"),
          nb::arg("out").noconvert(), nb::arg("row"), nb::arg("counts").noconvert(),
          nb::arg("holes").noconvert() = nb::none(), doc);
    m.def("pack_rows", &pack_rows<Block32>, nb::arg("batch"), nb::arg("columns"), nb::arg("start"), nb::arg("stop"),
          nb::arg("out").noconvert(), nb::arg("row"), nb::arg("counts").noconvert(),
          nb::arg("holes").noconvert() = nb::none(), doc);
}
