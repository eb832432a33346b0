// The extension module: picks the build for this machine, and binds it.
#include <cstdlib>

#include "arrays.hpp"

namespace nb = nanobind;

void bind_pack(nb::module_& m);

namespace shardlearn {

void bind_vectors(nb::module_& m);
void bind_rows(nb::module_& m);
void bind_integers(nb::module_& m);
void bind_points(nb::module_& m);
void bind_clusters(nb::module_& m);
void bind_sparse_clusters(nb::module_& m);
void bind_distances(nb::module_& m);
void bind_kdtree(nb::module_& m);
void bind_within(nb::module_& m);

namespace {

// The error of `choose` for a processor with these abilities; empty where there is none.
std::string complaint(bool fma, bool avx2, bool avx512, const std::string& asked) {
    std::string error;
    choose({fma, avx2, avx512}, asked, error);
    return error;
}

void pick() {
    const char* asked = std::getenv("SHARDLEARN_SIMD");
    std::string error;
    const Table* table = choose(this_cpu(), asked ? asked : "", error);
    if (!table) throw nb::import_error(error.c_str());
    use(table);
}

}  // namespace
}  // namespace shardlearn

NB_MODULE(_native, m) {
    m.doc() = "shardlearn's kernels";
    shardlearn::pick();
    m.def("simd", [] { return shardlearn::kernels().name; });
    m.def("complaint", shardlearn::complaint, nb::arg("fma"), nb::arg("avx2"), nb::arg("avx512"), nb::arg("asked"));
    shardlearn::bind_vectors(m);
    shardlearn::bind_rows(m);
    shardlearn::bind_integers(m);
    shardlearn::bind_points(m);
    shardlearn::bind_clusters(m);
    shardlearn::bind_sparse_clusters(m);
    shardlearn::bind_distances(m);
    shardlearn::bind_kdtree(m);
    shardlearn::bind_within(m);
    bind_pack(m);
}
