// A block's features as they come from Python, checked.
#include "arrays.hpp"

namespace shardlearn {
namespace {

bool is_single(const AnyIn& data) {
    if (data.dtype() == nb::dtype<float>()) return true;
    if (data.dtype() == nb::dtype<double>()) return false;
    throw nb::type_error("X must hold float32 or float64.");
}

Rows dense(const RowsIn& in, Rows out) {
    out.data = values(in.data, {-1, in.p}, "X");
    out.n = static_cast<i64>(in.data.shape(0));
    return out;
}

Rows sparse(const RowsIn& in, Rows out) {
    if (!in.indices || !in.indptr) throw nb::type_error("sparse X needs both indices and indptr.");
    out.data = values(in.data, {-1}, "X.data");
    i64 stored = static_cast<i64>(in.data.shape(0));
    out.indices = values(*in.indices, {stored}, "X.indices");
    out.indptr = values(*in.indptr, {-1}, "X.indptr");
    out.n = static_cast<i64>(in.indptr->shape(0)) - 1;
    if (out.n < 0 || out.indptr[0] < 0 || out.indptr[out.n] > stored || out.indptr[0] > out.indptr[out.n])
        throw nb::value_error("X.indptr must have n + 1 entries within 0..len(X.data).");
    return out;
}

}  // namespace

Rows rows_of(const RowsIn& in) {
    if (in.p < 0) throw nb::value_error("X has a negative number of columns.");
    Rows out = {nullptr, nullptr, nullptr, 0, in.p, is_single(in.data)};
    return in.indices || in.indptr ? sparse(in, out) : dense(in, out);
}

Fixed layered(const double* factor, i64 room, i64 limbs, i64 layers, i64 bits) {
    if (room < 1 || room > MOST_ROOM || bits < 1 || bits > MOST_ROOM) throw nb::value_error("room and bits must lie in 1..51.");
    if (limbs < 1 || limbs > 8 || layers < 1 || layers > 8) throw nb::value_error("1 to 8 limbs and layers are needed.");
    return {factor, room, limbs, layers, bits};
}

void within(const std::int32_t* labels, i64 n, i64 least, i64 k) {
    std::int32_t low = 0, high = static_cast<std::int32_t>(least);
    for (i64 i = 0; i < n; ++i) {
        low = labels[i] < low ? labels[i] : low;
        high = labels[i] > high ? labels[i] : high;
    }
    if (low < least || (n && high >= k)) throw nb::value_error("a label is none of the clusters.");
}

}  // namespace shardlearn
