// What a build for one instruction set offers: plain data and function pointers, so that it shares no code with another.
#pragma once
#include <cstdint>

namespace shardlearn {

struct Rows {                    // a block's features
    const void* data;            // (n, p) or (nnz,), float when `single`, else double
    const std::int32_t* indices; // null when dense
    const std::int64_t* indptr;  // (n + 1,)
    std::int64_t n, p;
    bool single;
};

enum Function { EXP, LOG, LOG1P, EXPM1, TANH, EXPIT, SOFTPLUS, SIN, COS, ASIN, FUNCTIONS };
enum Loss { SQUARED, LOGISTIC, MULTINOMIAL, POISSON, LOSSES };

struct Model {            // z = (x - pivot) . w + b
    const double* w;      // (k, p)
    const double* b;      // (k,), or null
    const double* pivot;  // (p,), or null
    std::int64_t k;
};

struct Targets {
    const double* y;       // (n,) or (n, k)
    const double* weight;  // (n,), or null for ones
    Loss loss;
};

struct GlmSums {
    double weight_sum, loss_hi, loss_lo;
    double* grad;    // (k, p), zero at the start
    double* grad_b;  // (k,), zero at the start
};

struct GramInput {
    Rows x;
    const double* y;        // (n, t), or null
    const double* weight;   // (n,), or null for ones
    const double* pivot;    // (p,), or null for zeros
    const double* pivot_y;  // (t,), or null for zeros
    std::int64_t t;
};

struct GramSums {        // added to
    double* weight_sum;  // (1,)
    double* sum_x;       // (p,)
    double* sum_y;       // (t,)
    double* g;           // (p, p), upper triangle
    double* h;           // (p, t)
    double* yy;          // (t,)
};

struct Points {           // what rows are compared with
    const float* panels;  // as pack_points makes them
    const double* values; // (k, p)
    const double *norm, *half;  // (k,), as pack_points makes them
    const double* pivot;  // (p,)
    double scale;         // as pack_points returns it
    std::int64_t k, p;
};

struct Nearby {           // of each row the nearest point; null where it is not asked for
    std::int32_t* labels;
    double* squares;      // squared distance
    float *upper, *lower; // bounds: of the distance to the nearest point, and to every other one
    const std::int64_t* which = nullptr;  // of these rows alone; null: of all
    std::int64_t rows = 0;                // so many
    std::int64_t* unclear = nullptr;      // how many rows may not be finite, if that is asked
};

struct Nearer {           // of each row the nearest point so far; both are updated
    std::int32_t* labels;
    double* squares;
    std::int32_t first;   // added to the numbers of points
};

struct Spread {           // weighted points, k of which are chosen
    const double* values; // (m, p)
    const double* mass;   // (m,)
    const double* draws;  // (k, trials), in [0, 1)
    std::int64_t m, p, k, trials;
};

struct Leading {          // points and rows in few coordinates, see leading.hpp
    Points points;        // (k, q + 1)
    const float* rows;    // (n, q + 1)
    const float* flat;    // (k, padded p): points as they are, shifted and scaled
    double excess;        // what is added to squares of what is left, relative to those of whole rows and points
};

struct Loosened {         // bounds after points moved
    const std::int32_t* labels;
    const float* moved;   // (k,) how far each point went, at most
    float most, next;     // the largest two of these
    float *upper, *lower;
};

struct Found {            // of each point the k nearest rows, by distance, then by id
    double* square;       // (m, k), infinite where there are fewer
    std::int64_t* id;     // (m, k)
    std::int64_t k;
};

struct Across {            // points as sparse rows are compared with them
    const double* values;  // (p, line), a line for each feature
    const double* half;    // (line,) 1/2 |c|^2, infinite beyond k
    std::int64_t k, line;
};

struct Moves {                  // rows that go from one cluster to another
    const std::int32_t* label;  // (n,)
    const std::int32_t* before; // (n,), -1 for none; null: all of them
    const std::int64_t* weight; // (n,), or null for ones
};

struct InPairs {              // rows at nodes of a tree, some of which have a pair of points below them
    const std::int32_t* node; // (n,)
    const std::int32_t* of;   // (nodes,) the pair of each node; -1: none
    std::int64_t pairs;
};

struct Fixed {             // fixed point: a value times `factor` is the first limb, what is left times 2^room the next
    const double* factor;  // (p,) powers of two
    std::int64_t room, limbs;
    std::int64_t layers = 1, bits = 1;  // of whole weights: the next layer counts 2^-bits as much
};

struct Cells {            // sums of sparse rows: features and clusters that some row touches
    std::int64_t* at;     // (n,) feature * k + cluster, ascending
    std::int64_t* limbs;  // (n, limbs)
    std::int64_t n;
};
struct Means {                     // of sums over weights
    const std::int64_t* weight;  // (layers, k)
    const double* before;        // (p, line)
    Fixed fixed;
    std::int64_t k, p, line;
};

// Of rows and points; SPHERE is of longitudes, cosines of latitudes, and latitudes.
enum Measure { PRODUCT, ABSOLUTE, LARGEST, DIFFERENT, POWER, SQUARE, SPHERE, MEASURES };

struct Sink {  // takes what was found, a pair of a point and a row at a time, in any order
    void* to;
    void (*take)(void* to, std::int64_t point, double key, std::int64_t id);
};

struct SparsePoints {              // what sparse rows are compared with
    const double* data;
    const std::int32_t* indices;
    const std::int64_t* indptr;    // (m + 1,)
    std::int64_t m, p;
};

struct Planted {          // a k-d tree
    double* boxes;        // (groups, p, 2, 8): of boxes the least values and the largest
    double* values;       // (leaves, p, 32)
    std::int64_t* order;  // (n,) rows in the order of the leaves; not needed to search
    std::int64_t n, p;
};

struct Bad {  // per column
    std::int64_t *nans, *infs, *first_nan, *first_inf;
};

// What a packed column's values are, and how they become numbers; the codes of data/packing.py.
enum class Code : std::int32_t {
    F64 = 0, F32 = 1, I8 = 2, I16 = 3, I32 = 4, I64 = 5, U8 = 6, U16 = 7, U32 = 8, U64 = 9, BOOL = 10, DECIMAL = 11,
    NOTHING = 12, PARTS32 = 13, PARTS64 = 14,
};

struct PackColumn {
    Code code;
    std::int64_t argument;      // DECIMAL: the scale; PARTS: units in a second
    const void* values;         // as Arrow lays them out; bits for BOOL
    const std::uint8_t* valid;  // a bit for each value, or null where none is missing
    std::int64_t first;         // position of the first row, in values and bits
};

struct PackCounts {  // of a column
    std::int64_t missing, infinite, large;  // large: integers beyond 2**53
};

struct PackRows {
    std::int64_t n, p, stride;  // rows, columns, and entries from one row to the next
    PackCounts* counts;         // (p,), added to
    bool* holes;                // (n,): set for rows with a missing value; or null
};

struct Table {
    const char* name;
    void (*elementwise)(Function, const double* x, double* out, std::int64_t n);
    double (*dot)(const double* a, const double* b, std::int64_t n);
    void (*axpy)(double alpha, const double* x, const double* y, double* out, std::int64_t n);
    void (*add_upper)(const double* a, double* into, std::int64_t p);
    void (*gemv)(const double* a, const double* x, double* out, std::int64_t rows, std::int64_t columns);
    void (*row_squares)(const double* a, double* out, std::int64_t rows, std::int64_t columns);
    void (*gemv_t)(const double* a, const double* x, double* out, std::int64_t rows, std::int64_t columns);
    void (*matmul)(const double* a, const double* b, double* out, std::int64_t m, std::int64_t inner, std::int64_t n);
    std::int64_t (*cholesky)(const double* a, double* l, std::int64_t p);
    std::int64_t (*pivoted_cholesky)(const double* a, double* l, std::int64_t* order, std::int64_t p, double tol);
    void (*symmetric_eigen)(const double* a, double* values, double* vectors, std::int64_t p);
    void (*solve_lower)(const double* l, double* x, std::int64_t p, std::int64_t k);
    void (*solve_lower_t)(const double* l, double* x, std::int64_t p, std::int64_t k);
    void (*row_products)(const Rows&, const Model&, double* z);
    void (*weighted_rows_sum)(const Rows&, const double* r, std::int64_t k, const double* pivot, double* out);
    void (*glm_sums)(const Rows&, const Model&, const Targets&, GlmSums&);
    void (*glm_values)(const double* z, const Targets&, std::int64_t n, std::int64_t k, double* value, double* slope);
    void (*gram)(const GramInput&, const GramSums&);
    double (*moments)(const Rows&, const double* weight, const double* pivot, double* sum, double* sum_sq);
    void (*column_range)(const Rows&, double* low, double* high);
    bool (*all_finite)(const void* data, bool single, std::int64_t count);
    void (*count_bad)(const Rows&, const Bad&);
    std::int64_t (*distinct)(const std::int64_t* y, std::int64_t n, std::int64_t limit, std::int64_t* values,
                             std::int64_t* counts);
    void (*encode)(const std::int64_t* y, std::int64_t n, const std::int64_t* classes, std::int64_t k, double* codes);
    void (*philox)(std::uint64_t seed, std::uint32_t purpose, const std::int64_t* ids, std::int64_t n,
                   std::uint32_t stream, std::uint32_t draw_block, std::uint32_t* out);
    void (*uniform)(std::uint64_t seed, std::uint32_t purpose, const std::int64_t* ids, std::int64_t n,
                    std::uint32_t stream, double* out);
    void (*pack64)(const PackColumn*, const PackRows&, double* out);
    void (*pack32)(const PackColumn*, const PackRows&, float* out);
    std::int64_t (*panel_floats)(std::int64_t k, std::int64_t p);
    double (*pack_points)(const double* points, const double* pivot, std::int64_t k, std::int64_t p, float* panels,
                          double* norm, double* half);
    std::int64_t (*nearest)(const Rows&, const Points&, const Nearby&);
    std::int64_t (*nearest_led)(const Rows&, const Points&, const Leading&, const Nearby&);
    void (*project)(const Rows&, const Points& directions, double excess, float* out);
    void (*label_squares)(const Rows&, const double* points, const std::int32_t* labels, double* squares);
    void (*nearer)(const Rows&, const Points&, const Nearer&);
    void (*nearest_rows)(const Rows&, const std::int64_t* ids, const Points&, const Found&);
    std::int64_t (*cluster_sums)(const Rows&, const Moves&, const Fixed&, std::int64_t k, std::int64_t* sums,
                                 std::int64_t* weight);
    void (*sides)(const Rows&, const double* points, const InPairs&, std::int32_t* side);
    void (*pair_sums)(const Rows&, const InPairs&, const Moves&, const Fixed&, std::int64_t* sums,
                      std::int64_t* weight, std::int64_t* changed);
    void (*cluster_means)(const std::int64_t* sums, const std::int64_t* weight, const Fixed&, std::int64_t k, std::int64_t p,
                          double* centers);
    std::int64_t (*loosen)(const Loosened&, std::int64_t n, std::int64_t* doubtful);
    void (*double_sum)(const double* values, const double* weight, std::int64_t n, double* high, double* low);
    void (*point_squares)(const Spread&, double* out);
    void (*spread)(const Spread&, const double* squares, std::int64_t* chosen);
    void (*nearest_sparse)(const Rows&, const Across&, std::int32_t* labels, double* squares);
    void (*sparse_squares)(const Rows&, const Across&, double* out);
    void (*pack_across)(const double* points, std::int64_t k, std::int64_t p, std::int64_t line, double* out);
    void (*halves)(const double* values, std::int64_t k, std::int64_t p, std::int64_t line, double* half);
    std::int64_t (*moved_cells)(const Rows&, const Moves&, const Fixed&, std::int64_t k, std::int64_t* weight, Cells&);
    std::int64_t (*join_cells)(const Cells&, const Cells&, std::int64_t limbs, const Cells& out);
    void (*add_cells)(const Cells&, std::int64_t k, std::int64_t p, std::int64_t line, std::int64_t limbs, std::int64_t* sums);
    void (*line_means)(const std::int64_t* sums, const Means&, double* out, double* squares);
    void (*unit_lines)(const Means&, double* lines, double* squares);
    void (*dense_squares)(const Rows&, const double* points, std::int64_t k, double* out);
    void (*nearest_by)(const Rows&, const std::int64_t* ids, const double* points, std::int64_t m, Measure, double power,
                       const Found&);
    void (*unit_rows)(const Rows&, int side, double* out);
    void (*unit_values)(const Rows&, double* out);
    void (*rows_within)(const Rows&, const std::int64_t* ids, const Points&, double limit, const Sink&);
    void (*within_by)(const Rows&, const std::int64_t* ids, const double* points, std::int64_t m, Measure, double power,
                      double limit, const Sink&);
    void (*sparse_nearest)(const Rows&, const std::int64_t* ids, const SparsePoints&, Measure, const Found&);
    void (*sparse_within)(const Rows&, const std::int64_t* ids, const SparsePoints&, Measure, double limit, const Sink&);
    std::int64_t (*tree_leaves)(std::int64_t n);
    std::int64_t (*tree_groups)(std::int64_t n);
    void (*plant)(const Rows&, const Planted&);
    std::int64_t (*tree_nearest)(const Planted&, const std::int64_t* ids, const double* points, std::int64_t m, Measure,
                                 double power, const Found&);
    std::int64_t (*tree_within)(const Planted&, const std::int64_t* ids, const double* points, std::int64_t m, Measure,
                                double power, double limit, const Sink&);
    void (*normalize)(const Rows&, void* out, bool* none);
    double (*peak_flops)(std::int64_t rounds);
    double (*peak_read)(const double* x, std::int64_t n);
};

extern const Table table_avx512, table_avx2, table_neon, table_scalar;  // those of this machine's kind are built

// Working memory of the calling thread, kept between calls: `count` doubles on a cache line; one buffer a slot.
double* scratch(int slot, std::int64_t count);

}  // namespace shardlearn
