// What k-means asks of sparse rows: the nearest centre, and sums of clusters as the cells that some row touches.
//
// Centres lie across: a line of them for each feature, so that one stored value meets neighbours. With few stored values a
// row, most cells (feature, cluster) of a block's sums are zero; those that are not stand in a list, ascending.
#pragma once
#include "clusters.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr i64 BESIDE = 8;        // a line is a multiple of it
constexpr i64 TILE_POINTS = 32;  // points whose scores stay in registers along a row
constexpr i64 SOME = 64;         // features that are done together
constexpr i64 LINES_AHEAD = 16;  // stored values whose line is asked for before it is needed

// Squared distances of one row to G groups of points. score = 1/2 |c|^2 - x . c is one chain over the stored values in their
// order; the square is |x|^2 + 2 score, rounded once, or zero. Squares are compared, so that who has met some of the points
// before comes to the same one.
template <int G, class T>
SL_INLINE void squares_of(const Sparse<T>& x, i64 i, i64 last, const Across& c, i64 first, V (&out)[G * BESIDE / W]) {
    constexpr int M = G * BESIDE / W;
    for (int v = 0; v < M; ++v) out[v] = load(c.half + first + v * W);
    const double* lines = c.values + first;
    double own = 0.0;
    for (i64 t = x.indptr[i]; t < x.indptr[i + 1]; ++t) {
        const double* soon = lines + x.indices[least(t + LINES_AHEAD, last)] * c.line;
        for (int g = 0; g < G; ++g) __builtin_prefetch(soon + g * BESIDE);
        double value = static_cast<double>(x.data[t]);
        V by = set(value);
        const double* line = lines + x.indices[t] * c.line;
        own = fma(value, value, own);
        for (int v = 0; v < M; ++v) out[v] = fnma(by, load(line + v * W), out[v]);
    }
    for (int v = 0; v < M; ++v) {
        V square = fma(set(2.0), out[v], set(own));
        out[v] = select(lt(square, zero()), zero(), square);
    }
}

// Calls f(row, first point, squares) for all rows and groups of points; a tile of points for all rows before the next one.
template <int G, class T, class F>
SL_INLINE void tile_of(const Sparse<T>& x, i64 n, const Across& c, i64 first, F f) {
    i64 last = x.indptr[n] - 1;
    for (i64 i = 0; i < n; ++i) {
        V square[G * BESIDE / W];
        squares_of<G>(x, i, last, c, first, square);
        f(i, first, square);
    }
}

template <class T, class F>
inline void all_squares(const Sparse<T>& x, i64 n, const Across& c, F f) {
    for (i64 first = 0; first < c.line; first += TILE_POINTS) switch (least(c.line - first, TILE_POINTS) / BESIDE) {
            case 1: tile_of<1>(x, n, c, first, f); break;
            case 2: tile_of<2>(x, n, c, first, f); break;
            case 3: tile_of<3>(x, n, c, first, f); break;
            default: tile_of<4>(x, n, c, first, f);
        }
}

// The least square of those before and these, and its point: the lowest number where several are equal.
template <int COUNT>
SL_INLINE void nearer(const V (&square)[COUNT], i64 first, double& low, std::int32_t& label) {
    V best = set(__builtin_inf()), from = zero();
    for (int v = 0; v < COUNT; ++v) {
        M closer = lt(square[v], best);
        best = select(closer, square[v], best);
        from = select(closer, set(static_cast<double>(v * W)), from);
    }
    double each[W], base[W];
    store(each, best), store(base, from);
    i64 lane = -1, name = 0;
    double least_yet = __builtin_inf();
    for (int l = 0; l < W; ++l) {
        i64 number = static_cast<i64>(base[l]) + l;
        if (each[l] < least_yet || (lane >= 0 && each[l] == least_yet && number < name)) lane = l, least_yet = each[l], name = number;
    }
    if (least_yet < low) low = least_yet, label = static_cast<std::int32_t>(first + name);
}

inline void nearest_sparse(const Rows& x, const Across& c, std::int32_t* labels, double* squares) {
    double* low = squares ? squares : scratch(0, x.n);
    for (i64 i = 0; i < x.n; ++i) low[i] = __builtin_inf(), labels[i] = 0;
    with_sparse(x, [&](auto rows) {
        all_squares(rows, x.n, c, [&](i64 i, i64 first, const auto& square) { nearer(square, first, low[i], labels[i]); });
    });
}

// The squared distance of each row to each point: (n, k).
inline void sparse_squares(const Rows& x, const Across& c, double* out) {
    with_sparse(x, [&](auto rows) {
        all_squares(rows, x.n, c, [&](i64 i, i64 first, const auto& square) {
            i64 count = static_cast<i64>(sizeof(square) / sizeof(V)) * W;
            for (i64 j = 0; j < count && first + j < c.k; j += W)
                store_some(out + i * c.k + first + j, square[j / W], static_cast<int>(least<i64>(W, c.k - first - j)));
        });
    });
}

// (k, p) points as lines; zeros behind the last one.
inline void pack_across(const double* points, i64 k, i64 p, i64 line, double* out) {
    for (i64 t0 = 0; t0 < p; t0 += SOME)
        for (i64 j = 0; j < line; ++j)
            for (i64 t = t0; t < least(t0 + SOME, p); ++t) out[t * line + j] = j < k ? points[j * p + t] : 0.0;
}

// Sums of squares of all points at once, each as `dot` has it: lane l takes the features t with t mod 16 == l.
class Squares {
   public:
    Squares(int slot, i64 line) : line_(line), lanes_(scratch(slot, LANES * line)) {
        for (i64 j = 0; j < LANES * line; ++j) lanes_[j] = 0.0;
    }
    template <class F>
    SL_INLINE void add(i64 t, F value) {
        double* to = lanes_ + t % LANES * line_;
        for (i64 j = 0; j < line_; j += W) {
            V one = value(j);
            store(to + j, fma(one, one, load(to + j)));
        }
    }
    double total(i64 j) const {
        double part[LANES];
        for (int l = 0; l < LANES; ++l) part[l] = lanes_[l * line_ + j];
        for (int half = LANES / 2; half > 0; half /= 2)
            for (int l = 0; l < half; ++l) part[l] += part[l + half];
        return part[0];
    }

   private:
    i64 line_;
    double* lanes_;
};

inline void halves(const double* values, i64 k, i64 p, i64 line, double* half) {
    Squares squares(0, line);
    for (i64 t = 0; t < p; ++t) squares.add(t, [&](i64 j) { return load(values + t * line + j); });
    for (i64 j = 0; j < line; ++j) half[j] = j < k ? 0.5 * squares.total(j) : __builtin_inf();
}

// Points over their lengths, in place; those without weight or length are as they were before. And how far each went, squared.
inline void unit_lines(const Means& m, double* lines, double* squares) {
    i64 line = m.line;
    Squares size(0, line), apart(1, line);
    for (i64 t = 0; t < m.p; ++t) size.add(t, [&](i64 j) { return load(lines + t * line + j); });
    double* length = scratch(2, line);
    for (i64 j = 0; j < line; ++j) {
        double square = j < m.k && m.weight[j] > 0 ? size.total(j) : 0.0;
        length[j] = square > 0.0 ? std::sqrt(square) : 0.0;
    }
    for (i64 t = 0; t < m.p; ++t) {
        for (i64 j = 0; j < line; j += W) {
            V by = load(length + j), old = load(m.before + t * line + j), one = load(lines + t * line + j);
            store(lines + t * line + j, select(lt(zero(), by), one / by, old));
        }
        apart.add(t, [&](i64 j) { return load(lines + t * line + j) - load(m.before + t * line + j); });
    }
    for (i64 j = 0; j < m.k; ++j) squares[j] = apart.total(j);
}

// -- sums ---------------------------------------------------------------------------------------------------------------

struct Visit {  // of a stored value to a cell or two
    double value;
    i64 row;
};

// Stored values of the rows that move, by feature: visits[stop[j - 1] .. stop[j]) for feature j. Returns what the rows weigh.
template <class T>
inline i64 visits_of(const Sparse<T>& x, i64 n, const Moves& m, i64* weight, i64* stop, Visit** visits) {
    auto moves = [&](i64 i) { return m.label[i] != (m.before ? m.before[i] : -1) && !(m.weight && m.weight[i] == 0); };
    i64 changed = 0;
    for (i64 j = 0; j <= x.p; ++j) stop[j] = 0;
    for (i64 i = 0; i < n; ++i) {
        if (!moves(i)) continue;
        i64 q = m.weight ? m.weight[i] : 1;
        changed += q, weight[m.label[i]] += q;
        if (m.before && m.before[i] >= 0) weight[m.before[i]] -= q;
        for (i64 t = x.indptr[i]; t < x.indptr[i + 1]; ++t) ++stop[x.indices[t] + 1];
    }
    for (i64 j = 0; j < x.p; ++j) stop[j + 1] += stop[j];
    *visits = reinterpret_cast<Visit*>(scratch(1, most<i64>(2 * stop[x.p], 1)));
    for (i64 i = 0; i < n; ++i)
        if (moves(i))
            for (i64 t = x.indptr[i]; t < x.indptr[i + 1]; ++t) (*visits)[stop[x.indices[t]]++] = {static_cast<double>(x.data[t]), i};
    return changed;
}

// Sums of the limbs of one feature in all clusters, and which of these are touched.
class Column {
   public:
    Column(int slot, i64 k, i64 limbs) : k_(k), limbs_(limbs), words_((k + 63) / 64) {
        sums_ = reinterpret_cast<i64*>(scratch(slot, k * limbs + words_));
        touched_ = reinterpret_cast<std::uint64_t*>(sums_ + k * limbs);
        for (i64 i = 0; i < k * limbs + words_; ++i) sums_[i] = 0;
    }
    SL_INLINE void touch(i64 cluster) { touched_[cluster / 64] |= std::uint64_t{1} << cluster % 64; }
    SL_INLINE void add(i64 limb, i64 cluster, i64 value) { sums_[cluster * limbs_ + limb] += value; }
    SL_INLINE i64 emit(i64 feature, i64 n, const Cells& out) {
        for (i64 w = 0; w < words_; ++w)
            for (; touched_[w]; touched_[w] &= touched_[w] - 1, ++n) {
                i64 j = w * 64 + __builtin_ctzll(touched_[w]);
                out.at[n] = feature * k_ + j;
                for (i64 l = 0; l < limbs_; ++l) {
                    out.limbs[n * limbs_ + l] = sums_[j * limbs_ + l];
                    sums_[j * limbs_ + l] = 0;
                }
            }
        return n;
    }

   private:
    i64 k_, limbs_, words_;
    i64* sums_;
    std::uint64_t* touched_;
};

template <class T>
inline i64 moved_cells_of(const Sparse<T>& x, i64 n, const Moves& m, const Fixed& f, i64 k, i64* weight, Cells& out) {
    i64* stop = reinterpret_cast<i64*>(scratch(0, x.p + 1));
    Visit* visit;
    i64 changed = visits_of(x, n, m, weight, stop, &visit), at = 0;
    double up = static_cast<double>(i64{1} << f.room);
    Column column(2, k, f.limbs);
    out.n = 0;
    for (i64 j = 0; j < x.p; ++j) {
        if (at == stop[j]) continue;
        for (; at < stop[j]; ++at) {
            i64 i = visit[at].row, q = m.weight ? m.weight[i] : 1, to = m.label[i], from = m.before ? m.before[i] : -1;
            double rest = visit[at].value * f.factor[j];
            column.touch(to);
            if (from >= 0) column.touch(from);
            for (i64 l = 0; l < f.limbs; ++l) {
                i64 limb;
                next_limb(&rest, 1, up, q, &limb);
                column.add(l, to, limb);
                if (from >= 0) column.add(l, from, -limb);
            }
        }
        out.n = column.emit(j, out.n, out);
    }
    return changed;
}

// As cluster_sums, of sparse rows, in a list of cells.
inline i64 moved_cells(const Rows& x, const Moves& m, const Fixed& f, i64 k, i64* weight, Cells& out) {
    i64 changed = 0;
    with_sparse(x, [&](auto rows) { changed = moved_cells_of(rows, x.n, m, f, k, weight, out); });
    return changed;
}

// The sums of two lists; returns how many cells there are.
inline i64 join_cells(const Cells& a, const Cells& b, i64 limbs, const Cells& out) {
    i64 i = 0, j = 0, n = 0;
    for (; i < a.n && j < b.n; ++n) {
        i64 left = a.at[i], right = b.at[j], one = left <= right, other = right <= left;
        out.at[n] = one ? left : right;
        for (i64 l = 0; l < limbs; ++l)
            out.limbs[n * limbs + l] = (a.limbs[i * limbs + l] & -one) + (b.limbs[j * limbs + l] & -other);
        i += one, j += other;
    }
    auto rest = [&](const Cells& from, i64 first) {
        for (i64 t = first; t < from.n; ++t, ++n) {
            out.at[n] = from.at[t];
            for (i64 l = 0; l < limbs; ++l) out.limbs[n * limbs + l] = from.limbs[t * limbs + l];
        }
    };
    rest(a, i), rest(b, j);
    return n;
}

// Adds a list to a table (limbs, p, line).
inline void add_cells(const Cells& cells, i64 k, i64 p, i64 line, i64 limbs, i64* sums) {
    i64 first = 0, from = 0;  // the first cell of a feature, and where its line begins
    for (i64 i = 0; i < cells.n; ++i) {
        for (; cells.at[i] >= first + k; first += k) from += line;
        i64* to = sums + from + cells.at[i] - first;
        for (i64 l = 0; l < limbs; ++l) to[l * p * line] += cells.limbs[i * limbs + l];
    }
}

// A line of means, to the last bit: sum / weight, and what that leaves over the weight. One loop, so that it is done in vectors.
template <int LIMBS>
inline void means_of(const i64* __restrict sums, i64 apart, const double* __restrict weight, i64 line, double scale, double up,
                     double last, double* __restrict out) {
    double down = 1.0 / up, back = 1.0 / scale;
    for (i64 j = 0; j < line; ++j) {
        i64 limb[LIMBS], whole = static_cast<i64>(weight[j]);
        double mean = 0.0, left = 0.0;
        for (int l = 0; l < LIMBS; ++l) limb[l] = sums[l * apart + j];
        for (int l = LIMBS; l-- > 0;) mean = static_cast<double>(limb[l]) + mean * down;
        mean = mean * back / weight[j];
        double rest = mean * scale;
        for (int l = 0; l < LIMBS; ++l) {
            double shifted = rest + SHIFT;
            limb[l] -= (bits_of(shifted) - bits_of(SHIFT)) * whole;
            rest = (rest - (shifted - SHIFT)) * up;
        }
        for (int l = LIMBS; l-- > 0;) left = static_cast<double>(limb[l]) + left * down;
        out[j] = mean - rest * last * back + left * back / weight[j];
    }
}

// Lines of means: a table's sums over weights; points without weight stay as they were. And how far each point went, squared.
template <int LIMBS>
inline void line_means_of(const i64* sums, const Means& m, double* out, double* squares) {
    Squares apart(0, m.line);
    const Fixed& f = m.fixed;
    Layered layers(f, m.weight, m.k);
    double up = layers.up, *weight = scratch(1, 2 * m.line), *stays = weight + m.line;
    for (i64 j = 0; j < m.line; ++j) {
        double total = j < m.k ? layers.of(j) : 1.0;
        weight[j] = total > 0.0 ? total : 1.0;
        stays[j] = total > 0.0 ? 0.0 : 1.0;
    }
    for (i64 t = 0; t < m.p; ++t) {
        double* to = out + t * m.line;
        const double* before = m.before + t * m.line;
        if constexpr (LIMBS > 0)
            means_of<LIMBS>(sums + t * m.line, m.p * m.line, weight, m.line, f.factor[t], up, layers.last, to);
        else
            for (i64 j = 0; j < m.line; ++j) to[j] = j < m.k ? layers.mean(sums + t * m.line + j, m.p * m.line, j, weight[j], f.factor[t]) : 0.0;
        apart.add(t, [&](i64 j) {
            V old = load(before + j), now = select(lt(zero(), load(stays + j)), old, load(to + j));
            store(to + j, now);
            return now - old;
        });
    }
    for (i64 j = 0; j < m.k; ++j) squares[j] = apart.total(j);
}

inline void line_means(const i64* sums, const Means& m, double* out, double* squares) {
    if (m.fixed.layers > 1) return line_means_of<0>(sums, m, out, squares);
    switch (m.fixed.limbs) {
        case 1: return line_means_of<1>(sums, m, out, squares);
        case 2: return line_means_of<2>(sums, m, out, squares);
        case 3: return line_means_of<3>(sums, m, out, squares);
        case 4: return line_means_of<4>(sums, m, out, squares);
        case 5: return line_means_of<5>(sums, m, out, squares);
        case 6: return line_means_of<6>(sums, m, out, squares);
        case 7: return line_means_of<7>(sums, m, out, squares);
        default: return line_means_of<MOST_LIMBS>(sums, m, out, squares);
    }
}

}  // namespace shardlearn::SHARDLEARN_ISA
