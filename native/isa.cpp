// The kernels of one instruction set: compiled once for each, with SHARDLEARN_ISA its name and SHARDLEARN_WIDTH its lanes.
#include "kernels/cholesky.hpp"
#include "kernels/clusters.hpp"
#include "kernels/columns.hpp"
#include "kernels/distances.hpp"
#include "kernels/eigen.hpp"
#include "kernels/glm.hpp"
#include "kernels/gram.hpp"
#include "kernels/integers.hpp"
#include "kernels/kdtree.hpp"
#include "kernels/leading.hpp"
#include "kernels/nearest.hpp"
#include "kernels/neighbors.hpp"
#include "kernels/pack.hpp"
#include "kernels/pairs.hpp"
#include "kernels/peaks.hpp"
#include "kernels/sparse_clusters.hpp"
#include "kernels/sparse_neighbors.hpp"
#include "kernels/spreading.hpp"
#include "kernels/within.hpp"

#define SL_TEXT_OF(x) #x
#define SL_TEXT(x) SL_TEXT_OF(x)
#define SL_JOIN_OF(a, b) a##b
#define SL_JOIN(a, b) SL_JOIN_OF(a, b)

namespace shardlearn {

namespace isa = SHARDLEARN_ISA;

extern const Table SL_JOIN(table_, SHARDLEARN_ISA) = {
    SL_TEXT(SHARDLEARN_ISA),
    isa::elementwise,
    isa::dot,
    isa::axpy,
    isa::add_upper,
    isa::gemv,
    isa::row_squares,
    isa::gemv_t,
    isa::matmul,
    isa::cholesky,
    isa::pivoted_cholesky,
    isa::symmetric_eigen,
    isa::solve_lower,
    isa::solve_lower_t,
    isa::row_products,
    isa::weighted_rows_sum,
    isa::glm_sums,
    isa::glm_values,
    isa::gram,
    isa::moments,
    isa::column_range,
    isa::all_finite,
    isa::count_bad,
    isa::distinct,
    isa::encode,
    isa::philox,
    isa::uniform,
    isa::pack<double>,
    isa::pack<float>,
    isa::panel_floats,
    isa::pack_points,
    isa::nearest,
    isa::nearest_led,
    isa::project,
    isa::label_squares,
    isa::nearer,
    isa::nearest_rows,
    isa::cluster_sums,
    isa::sides,
    isa::pair_sums,
    isa::cluster_means,
    isa::loosen,
    isa::double_sum,
    isa::point_squares,
    isa::spread,
    isa::nearest_sparse,
    isa::sparse_squares,
    isa::pack_across,
    isa::halves,
    isa::moved_cells,
    isa::join_cells,
    isa::add_cells,
    isa::line_means,
    isa::unit_lines,
    isa::dense_squares,
    isa::nearest_by,
    isa::unit_rows,
    isa::unit_values,
    isa::rows_within,
    isa::within_by,
    isa::sparse_nearest,
    isa::sparse_within,
    isa::tree_leaves,
    isa::tree_groups,
    isa::plant,
    isa::tree_nearest,
    isa::tree_within,
    isa::normalize,
    isa::peak_flops,
    isa::peak_read,
};

}  // namespace shardlearn
