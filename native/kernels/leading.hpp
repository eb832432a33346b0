// The nearest point where few coordinates hold most of what lies between the points.
//
// Rows and points, shifted by a pivot, have coordinates x' = V x, c' = V c along q nearly orthonormal directions, and what
// is left of them, r_x = (|x|^2 - |x'|^2 + h |x|^2)^1/2 and r_c likewise. By Cauchy and Schwarz |x.c - x'.c'| <= r_x r_c,
// where h >= 2 d + 4 e covers directions that are no more orthonormal than to d and coordinates of relative error e. So
//
//     1/2 |c|^2 - x'.c' - r_x r_c
//
// is below the score of c: the score of points (c', r_c) of q + 1 features, as tile.hpp has it, less h times half of |c|^2,
// by which these are too long (one rounding more; the bounds of a tile have room for three). And by the same inequality the
// score of c is not above that of (c', r_c) plus 2 r_x r_c: where this, for the lowest point, is below what all others are
// not below, the label is known, and so are bounds, from the few coordinates alone. Of the other rows those points are
// scored as they are, one by one, that are not ruled out; certificates and bounds are made of these scores as of those of a
// tile.
#pragma once
#include "nearest.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr i64 PADDED = 64;     // floats: a row that is scored by itself is a multiple of them
constexpr i64 CHAIN = 64;      // products in a row of which a coordinate is the sum of sums: kernels/leading.py knows it
constexpr i64 TOO_MANY = 4;    // one of so many points is not ruled out for a row: then a tile is faster,
constexpr i64 SKIPPED = 7;     // and so it is for the next panels, likely

inline i64 padded(i64 p) { return (p + PADDED - 1) / PADDED * PADDED; }

// (n, q + 1): coordinates of rows along the directions v, and what is left of the rows, rounded up.
inline void project(const Rows& x, const Points& v, double excess, float* out) {
    RowPacker pack(x, v, 0);
    i64 q = v.k, groups = (q + PC - 1) / PC;
    float* panel = reinterpret_cast<float*>(scratch(1, (PR * (v.p + 2) + 1) / 2));
    float* along = reinterpret_cast<float*>(scratch(2, (PR * groups * PC + 1) / 2));
    F more = setf(up(1.0 + excess + static_cast<double>(q + 8) * 4.0 * U32)), grown = setf(1.0f + 0x1p-20f), zeros = setf(0.0f);
    for (i64 i0 = 0; i0 < x.n; i0 += PR) {
        int count = static_cast<int>(least<i64>(PR, x.n - i0));
        pack(count, panel, [&](int r) { return i0 + r; });
        for (i64 g = 0; g < groups; ++g) {
            F sum[RV][PC], acc[RV][PC];
            for (auto& some : sum)
                for (F& one : some) one = zeros;
            for (i64 t = 0; t < v.p; t += CHAIN) {
                score<ALONG>(panel + t * PR, v.panels + g * PC * (v.p + 2) + t * PC, least(CHAIN, v.p - t), {nullptr, 0}, acc);
                for (int j = 0; j < PC; ++j)
                    for (int w = 0; w < RV; ++w) sum[w][j] = sum[w][j] - acc[w][j];
            }
            for (int j = 0; j < PC; ++j)
                for (int w = 0; w < RV; ++w) storef(along + (g * PC + j) * PR + w * FW, sum[w][j]);
        }
        float left[PR];
        for (int w = 0; w < RV; ++w) {
            F norm = loadf(panel + PR + w * FW), rest = norm * norm * more;
            for (i64 j = 0; j < q; ++j) rest = fnma(loadf(along + j * PR + w * FW), loadf(along + j * PR + w * FW), rest);
            storef(left + w * FW, sqrt(max(rest, zeros)) * grown);
        }
        for (int r = 0; r < count; ++r) {
            float* to = out + (i0 + r) * (q + 1);
            for (i64 j = 0; j < q; ++j) to[j] = along[j * PR + r];
            to[q] = left[r];
        }
    }
}

// One row as it is, shifted and scaled as the points are.
struct FlatRow {
    const RowPacker& pack;
    i64 p, stride = padded(p);
    float *values, grown, least_half;
    const char* soon = nullptr;  // the next row, asked for evenly while this one is scored

    FlatRow(const RowPacker& rows, i64 features, float* to) : pack(rows), p(features), values(to) {
        double m = static_cast<double>(p + 8) * U32;
        grown = up(1.0 + m), least_half = down(0.5 * (1.0 - slack_factor(p) - m));
        for (i64 t = 0; t < stride; ++t) values[t] = 0.0f;
    }
    // Half its square and its norm are told as a panel has them.
    template <class T>
    SL_INLINE void fill(i64 row, i64 next, float& half, float& norm) {
        V by = set(pack.scale);
        const T* from = static_cast<const T*>(pack.x.data) + row * p;
        soon = at<T>(pack.x, next);
        F sum = setf(0.0f);
        for (i64 t = 0; t < p; t += FW) {
            F one = load_row(from + t, pack.pivot + t, pack.pivot32 + t, by, static_cast<int>(least<i64>(FW, p - t)));
            storef(values + t, one);
            sum = fma(one, one, sum);
        }
        float square = total(sum);
        half = __builtin_fmaf(square, least_half, -0x1p-89f);
        norm = __builtin_fmaf(__builtin_sqrtf(square), grown, 0x1p-60f);
    }
    static SL_INLINE float total(F sum) {
        float lanes[FW];
        storef(lanes, sum);
        for (int some = FW / 2; some; some /= 2)
            for (int i = 0; i < some; ++i) lanes[i] += lanes[i + some];
        return lanes[0];
    }
    // As a tile has it, but for the order of the sum.
    SL_INLINE float score_of(float norm, i64 j, const Points& c, const float* flat) {
        const float *y = flat + j * stride, *group = c.panels + j / PC * PC * (p + 2) + j % PC;
        F sum[4] = {setf(0.0f), setf(0.0f), setf(0.0f), setf(0.0f)};
        for (i64 t = 0; t < stride; t += 4 * FW, soon += 64) {
            __builtin_prefetch(soon, 0, 2);
            for (int i = 0; i < 4; ++i) sum[i] = fma(loadf(values + t + i * FW), loadf(y + t + i * FW), sum[i]);
        }
        return __builtin_fmaf(-norm, group[PC], group[0]) - total((sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
};

struct Lowest {  // of a panel's rows: the two points with the lowest scores
    float low[PR], second[PR];
    std::int32_t first[PR], other[PR];
};

// Scores of all points in few coordinates, `less` what they are too long by: (PR, wide), and the two lowest of each row.
inline void few_scores(const float* panel, const Points& c, const float* less, float* scores, i64 wide, Lowest& two) {
    constexpr int SQUARE_OF = FW > PC ? FW : PC;
    float beside[SQUARE_OF * PR];  // scores of some points, before they are turned
    F low[RV], second[RV], first[RV], other[RV], inf = setf(__builtin_inff());
    for (int v = 0; v < RV; ++v) low[v] = second[v] = inf, first[v] = other[v] = setf(0.0f);
    const float* points = c.panels;
    for (i64 j0 = 0; j0 < c.k; j0 += PC, points += PC * (c.p + 2)) {
        F acc[RV][PC];
        score<NEAREST_POINT>(panel, points, c.p, {nullptr, 0}, acc);
        for (int j = 0; j < PC; ++j) {
            float name;
            std::int32_t number = static_cast<std::int32_t>(j0 + j);
            __builtin_memcpy(&name, &number, 4);
            F here = setf(name), own = setf(less[j0 + j]);
            for (int v = 0; v < RV; ++v) {
                F s = acc[v][j] - own;
                storef(beside + ((j0 + j) % SQUARE_OF) * PR + v * FW, s);
                other[v] = select(lt(s, low[v]), first[v], select(lt(s, second[v]), here, other[v]));
                first[v] = select(lt(s, low[v]), here, first[v]);
                second[v] = min(max(low[v], s), second[v]);
                low[v] = min(s, low[v]);
            }
        }
        if ((j0 + PC) % SQUARE_OF != 0 && j0 + PC < c.k) continue;
        i64 from = j0 / SQUARE_OF * SQUARE_OF;
        for (int v = 0; v < RV; ++v)
            for (int part = 0; part < SQUARE_OF; part += FW) {
                F square[FW];
                for (int j = 0; j < FW; ++j) square[j] = loadf(beside + (part + j) * PR + v * FW);
                transpose(square);
                for (int r = 0; r < FW; ++r) storef(scores + (v * FW + r) * wide + from + part, square[r]);
            }
    }
    for (int v = 0; v < RV; ++v) {
        storef(two.low + v * FW, low[v]), storef(two.second + v * FW, second[v]);
        storef(reinterpret_cast<float*>(two.first) + v * FW, first[v]);
        storef(reinterpret_cast<float*>(two.other) + v * FW, other[v]);
    }
}

SL_INLINE void enter(Best& best, int r, float s, i64 j) {
    if (s < best.low[r])
        best.second[r] = best.low[r], best.low[r] = s, best.label[r] = static_cast<std::int32_t>(j);
    else if (s < best.second[r])
        best.second[r] = s;
}

template <class T>
struct Led {
    const Points& c;
    const Leading& led;
    const Which& rows;
    const Nearby& out;
    RowPacker pack, pack_few;
    FlatRow flat;
    Slack slack;
    float *few, *scores, *panel = nullptr, half[PR], norm[PR];
    std::vector<float> less, left;  // of each point: what its score is too low by, and 2 r_c
    std::vector<Doubtful> doubtful;
    double largest, largest_few;
    double ratio;  // of scores in few coordinates to scores as they are
    float shrunk;  // times the square of a row's few coordinates is not above its own
    i64 wide, scored = 0, skip = 0, ids[PR];  // rows that are read
    int at[PR];                               // where these are in their panel
    Best best;

    Led(const Rows& x, const Rows& coordinates, const Points& points, const Leading& leading, const Which& some, const Nearby& to)
        : c(points), led(leading), rows(some), out(to), pack(x, points, 0), pack_few(coordinates, leading.points, 2),
          flat(pack, points.p, reinterpret_cast<float*>(scratch(5, padded(points.p) / 2))), slack(points.p) {
        i64 q = leading.points.p - 1;
        wide = (c.k + most(FW, PC) - 1) / most(FW, PC) * most(FW, PC);
        less.resize(static_cast<std::size_t>(wide)), left.resize(static_cast<std::size_t>(wide));
        for (i64 j = 0; j < c.k; ++j) {
            less[static_cast<std::size_t>(j)] = up(led.excess * led.points.half[j]);
            float own = led.points.panels[j / PC * PC * (q + 3) + (q + 2) * PC + j % PC];
            left[static_cast<std::size_t>(j)] = 2.0f * own * (1.0f + ETA);
        }
        few = reinterpret_cast<float*>(scratch(3, (PR * (leading.points.p + 2) + 1) / 2));
        scores = reinterpret_cast<float*>(scratch(4, PR * wide / 2));
        ratio = led.points.scale / c.scale;
        ratio *= ratio;
        largest = largest_norm(c), largest_few = largest_norm(led.points);
        double rounding = 8.0 * static_cast<double>(c.p + q + 16) * U32 + 0x1p-17;
        shrunk = down(1.0 / (1.0 + MORE * (led.excess + rounding)));
    }

    // Labels and bounds of a panel's rows.
    void operator()(i64 row, int count) {
        if (skip > 0) {
            --skip;
            for (int r = 0; r < count; ++r) ids[r] = rows(row + r);
            return all(count);
        }
        Lowest two;
        pack_few(count, few, [&](int r) { return rows(row + r); });
        few_scores(few, led.points, less.data(), scores, wide, two);
        int some = unsettled(row, count, two);
        if (some) some_points(some, two) ? told(some) : (skip = SKIPPED, all(some));
    }

    // Labels and bounds of those rows for which few coordinates decide; returns how many they don't.
    int unsettled(i64 row, int count, const Lowest& two) {
        F back = setf(static_cast<float>(1.0 / led.points.scale)), more = setf(1.0f + ETA), fewer = setf(1.0f - ETA), eta = setf(ETA);
        F zeros = setf(0.0f), twice = setf(2.0f), grown = setf(1.25f), smaller = setf(shrunk);
        int rest = 0;
        for (int v = 0; v < RV && v * FW < count; ++v) {
            float own[FW], beyond[FW], high[FW], low[FW];
            for (int r = 0; r < FW; ++r) {
                auto j = static_cast<std::size_t>(two.first[v * FW + r]);
                own[r] = less[j], beyond[r] = left[j];
            }
            F size = loadf(few + PR + v * FW), left_of_row = loadf(few + (led.points.p + 1) * PR + v * FW), square = size * size;
            F lowest = loadf(two.low + v * FW) + loadf(own), second = loadf(two.second + v * FW);
            // A quarter more of the slack is far above what these sums round.
            F limit = fma(left_of_row, loadf(beyond), lowest) + slack.of_bases(size, largest_few) * grown;
            unsigned sure = lanes_of(lt(limit, second)) & first_lanes(static_cast<int>(least<i64>(count - v * FW, FW)));
            F near = limit * twice, far = second * twice;
            near = near + square + eta * (max(near, zeros - near) + square);
            far = far + loadf(few + v * FW) * twice * smaller - eta * (max(far, zeros - far) + square);
            storef(high, max(sqrt(max(near, zeros)) * more * back, setf(LEAST_DISTANCE)));
            storef(low, min(sqrt(max(far, zeros)) * fewer * back, setf(FARTHEST)));
            for (int r = 0; r < FW && v * FW + r < count; ++r) {
                i64 id = rows(row + v * FW + r);
                if (!(sure >> r & 1)) {
                    ids[rest] = id, at[rest++] = v * FW + r;
                    continue;
                }
                out.labels[id] = two.first[v * FW + r];
                out.upper[id] = high[r], out.lower[id] = low[r];
            }
        }
        return rest;
    }

    // The lowest two scores of the rows that are read, as tiles would find them; false where tiles are faster.
    bool some_points(int count, const Lowest& two) {
        begin(best);
        i64 some = count * c.k / TOO_MANY;
        for (int i = 0; i < count; ++i) {
            int r = at[i];
            flat.template fill<T>(ids[i], ids[least(i + 1, count - 1)], half[i], norm[i]);
            i64 one = two.first[r], other = two.other[r];
            enter(best, i, flat.score_of(norm[i], one, c, led.flat), one);
            if (other != one) enter(best, i, flat.score_of(norm[i], other, c, led.flat), other);
            float limit = static_cast<float>(best.second[i] * ratio) + 0x1p-140f;
            for (i64 from = 0; from < c.k; from += FW) {
                unsigned far = lanes_of(lt(setf(limit), loadf(scores + r * wide + from)));  // a NaN is not far
                for (unsigned near = ~far & first_lanes(static_cast<int>(least<i64>(c.k - from, FW))); near; near &= near - 1) {
                    i64 j = from + __builtin_ctz(near);
                    if (j != one && j != other) enter(best, i, flat.score_of(norm[i], j, c, led.flat), j);
                    --some;
                }
                if (some < 0) return false;
            }
        }
        scored += count * c.k / TOO_MANY - some;
        return true;
    }

    void all(int count) {
        if (!panel) panel = reinterpret_cast<float*>(scratch(1, (PR * (c.p + 2) + 1) / 2));
        pack(count, panel, [&](int r) { return ids[r]; });
        begin(best);
        Fetching none;
        compare(panel, c.panels, c.p, 0, c.k, none, best);
        for (int r = 0; r < PR; ++r) half[r] = panel[r], norm[r] = panel[PR + r];
        scored += count * c.k;
        told(count);
    }

    void told(int count) {
        for (int r = count; r < PR; ++r) half[r] = norm[r] = 0.0f;
        Which read(ids, count);
        certify(norm, best, c, slack, largest, read, 0, count, out.labels, doubtful);
        bound(half, norm, best, slack, largest, c.scale, read, 0, count, out.upper, out.lower);
    }
};

template <class T>
inline i64 nearest_led_in(const Rows& x, const Points& c, const Leading& leading, const Nearby& out) {
    Rows coordinates = {leading.rows, nullptr, nullptr, x.n, leading.points.p, true};
    Which rows(x, out);
    Led<T> led(x, coordinates, c, leading, rows, out);
    for (i64 row = 0; row < rows.n; row += PR) led(row, static_cast<int>(least<i64>(PR, rows.n - row)));
    decide_all<T>(led.pack, c, led.doubtful, out.labels);
    for (const Doubtful& one : led.doubtful) out.lower[one.row] = 0.0f;
    return led.scored;
}

// As `nearest` with bounds; returns how many scores were computed as they are.
inline i64 nearest_led(const Rows& x, const Points& c, const Leading& leading, const Nearby& out) {
    return x.single ? nearest_led_in<float>(x, c, leading, out) : nearest_led_in<double>(x, c, leading, out);
}

}  // namespace shardlearn::SHARDLEARN_ISA
