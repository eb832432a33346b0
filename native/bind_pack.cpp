// Bindings of the row packing: native/pack.hpp.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_pack(nb::module_&) {}
