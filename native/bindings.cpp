#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_pack(nb::module_& m);

NB_MODULE(_native, m) {
    m.doc() = "shardlearn's kernels";
    bind_pack(m);
}
