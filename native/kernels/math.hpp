// Elementary functions from +, x, fma, / and sqrt in a fixed order (after fdlibm's reductions; Sun, 1993).
#pragma once
#include "../simd/simd.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr double LN2_HI = 0x1.62e42feep-1;  // 32 bits: n * LN2_HI is exact
constexpr double LN2_LO = 0x1.a39ef35793c76p-33;
constexpr double INV_LN2 = 0x1.71547652b82fep+0;
constexpr double MAGIC = 0x1.8p52;  // adding it rounds to an integer, and leaves that integer in the low bits
constexpr double INF = __builtin_inf();

SL_INLINE V magnitude(V x) { return from_bits(bits(x) & seti(0x7fffffffffffffff)); }
SL_INLINE V with_sign(V magnitude, V sign) {
    return from_bits(bits(magnitude) | (bits(sign) & seti(static_cast<std::int64_t>(0x8000000000000000ull))));
}
SL_INLINE V clamp(V x, double low, double high) { return min(max(x, set(low)), set(high)); }
SL_INLINE V if_nan(V x, V other) { return select(eq(x, x), other, x + x); }

// 2^n for an integral n in [-1022, 1023].
SL_INLINE V power_of_two(V n) { return from_bits(shl<52>(bits(n + set(MAGIC + 1023.0)))); }
// y 2^n for an integral n in [-1100, 1100], rounded once.
SL_INLINE V scale(V y, V n) {
    V half = (n * set(0.5) + set(MAGIC)) - set(MAGIC);
    return (y * power_of_two(half)) * power_of_two(n - half);
}

// (e^r - 1 - r) / r^2 on |r| <= ln2 / 2, by Taylor's polynomial.
SL_INLINE V exp_tail(V r) {
    V r2 = r * r, r4 = r2 * r2;
    V a = fma(r, set(1.0 / 6), set(0.5));
    V b = fma(r, set(1.0 / 120), set(1.0 / 24));
    V c = fma(r, set(1.0 / 5040), set(1.0 / 720));
    V d = fma(r, set(1.0 / 362880), set(1.0 / 40320));
    V e = fma(r, set(1.0 / 39916800), set(1.0 / 3628800));
    V f = fma(r, set(1.0 / 6227020800), set(1.0 / 479001600));
    V low = fma(b, r2, a), mid = fma(d, r2, c), high = fma(f, r2, e);
    return fma(fma(high, r4, mid), r4, low);
}

SL_INLINE V exp(V x) {
    V z = clamp(x, -746.0, 710.0);
    V n = fma(z, set(INV_LN2), set(MAGIC)) - set(MAGIC);
    V start = fnma(n, set(LN2_HI), z);
    V r = fnma(n, set(LN2_LO), start);
    V lost = fnma(n, set(LN2_LO), start - r);
    V sum = set(1.0) + r, rest = ((set(1.0) - sum) + r) + fma(lost, r, lost);
    return if_nan(x, scale(sum + fma(r * r, exp_tail(r), rest), n));
}

struct Two {  // high + low, not rounded into one
    V high, low;
};

SL_INLINE Two expm1_two(V x) {
    V z = clamp(x, -50.0, 710.0);
    V n = fma(z, set(INV_LN2), set(MAGIC)) - set(MAGIC);
    V start = fnma(n, set(LN2_HI), z);
    V r = fnma(n, set(LN2_LO), start);
    V lost = fnma(n, set(LN2_LO), start - r);
    V tail = fma(r * r, exp_tail(r), fma(lost, r, lost));
    V shift = set(1.0) - scale(set(1.0), zero() - n);  // 1 - 2^-n
    V sum = shift + r, rest = tail + ((shift - sum) + r);
    V high = sum + rest;
    return {scale(high, n), scale((sum - high) + rest, n)};
}
SL_INLINE V expm1(V x) { return if_nan(x, select(eq(x, zero()), x, expm1_two(x).high)); }

// log of f + 1 in [sqrt(1/2), sqrt(2)), plus k ln 2, plus a small correction c.
SL_INLINE V log_core(V f, V k, V c) {
    V half_square = set(0.5) * f * f;
    V s = f / (set(2.0) + f);
    V z = s * s, w = z * z;
    V t1 = w * fma(w, fma(w, set(1.531383769920937332e-01), set(2.222219843214978396e-01)), set(3.999999999940941908e-01));
    V t2 = z * fma(w,
                   fma(w, fma(w, set(1.479819860511658591e-01), set(1.818357216161805012e-01)),
                       set(2.857142874366239149e-01)),
                   set(6.666666666666735130e-01));
    V low = fma(k, set(1.90821492927058770002e-10), c);
    V tail = fma(s, half_square + (t2 + t1), low);
    return fma(k, set(6.93147180369123816490e-01), (tail - half_square) + f);
}

// Splits a normal x > 0 into m 2^k with m in [sqrt(1/2), sqrt(2)).
SL_INLINE void split(V x, V& m, V& k) {
    I shifted = bits(x) + seti(static_cast<std::int64_t>(0x3ff00000 - 0x3fe6a09e) << 32);
    k = from_bits(shr<52>(shifted) | bits(set(0x1p52))) - set(0x1p52 + 1023.0);
    m = from_bits((shifted & seti(0x000fffffffffffff)) + seti(static_cast<std::int64_t>(0x3fe6a09e) << 32));
}

SL_INLINE V log(V x) {
    M tiny = lt(x, set(0x1p-1022));
    V m, k;
    split(select(tiny, x * set(0x1p54), x), m, k);
    k = select(tiny, k - set(54.0), k);
    V y = log_core(m - set(1.0), k, zero());
    y = select(lt(x, set(INF)), y, x);
    y = select(eq(x, zero()), set(-INF), y);
    return if_nan(x, select(lt(x, zero()), set(__builtin_nan("")), y));
}

SL_INLINE V log1p(V x) {
    V u = set(1.0) + x;
    V m, k;
    split(u, m, k);
    V lost = select(lt(set(1.5), k), set(1.0) - (u - x), x - (u - set(1.0))) / u;
    lost = select(lt(k, set(54.0)), lost, zero());
    M small = eq(k, zero());
    V y = log_core(select(small, x, m - set(1.0)), k, select(small, zero(), lost));
    y = select(lt(x, set(INF)), y, x);
    y = select(eq(x, set(-1.0)), set(-INF), y);
    y = select(lt(x, set(-1.0)), set(__builtin_nan("")), y);
    return if_nan(x, select(eq(x, zero()), x, y));
}

// t / (t + 2) or 1 - 2 / (t + 2) for t = expm1(2|x|), with one step of correction of the quotient.
SL_INLINE V tanh(V x) {
    V a = magnitude(x);
    M large = lt(set(0.5493061443340549), a);   // log(3) / 2
    M middle = lt(set(0.2554128118829954), a);  // log(5/3) / 2
    V doubled = min(a, set(20.0)) * set(2.0);
    Two t = expm1_two(select(middle, doubled, zero() - doubled));
    V bottom = t.high + set(2.0), back = bottom - t.high;
    V bottom_low = ((t.high - (bottom - back)) + (set(2.0) - back)) + t.low;
    V top = select(large, set(2.0), select(middle, t.high, zero() - t.high));
    V top_low = select(large, zero(), select(middle, t.low, zero() - t.low));
    V ratio = top / bottom;
    V more = (fnma(ratio, bottom, top) + fnma(ratio, bottom_low, top_low)) / bottom;
    V y = with_sign(select(large, (set(1.0) - ratio) - more, ratio + more), x);
    return if_nan(x, select(eq(x, zero()), x, y));
}

// With e = exp(-|z|): both halves of the logistic loss share it.
SL_INLINE V small_exp(V z) { return exp(zero() - magnitude(z)); }
SL_INLINE V expit_of(V z, V e) {
    M negative = lt(z, zero());
    V sum = set(1.0) + e, lost = (set(1.0) - sum) + e;
    V y = select(negative, e, set(1.0)) / sum;
    V inverse = select(negative, set(1.0) - y, y);  // of the sum, near enough to correct with
    return if_nan(z, fnma(y * lost, inverse, y));
}
SL_INLINE V softplus_of(V z, V e) { return if_nan(z, max(z, zero()) + log1p(e)); }
SL_INLINE V expit(V z) { return expit_of(z, small_exp(z)); }
SL_INLINE V softplus(V z) { return softplus_of(z, small_exp(z)); }

// x = n pi/2 + r.high + r.low with |r.high| <= pi/4, or a little more, for |x| <= TURNED; n's low bits in `quadrant`. The first
// multiple is taken off exactly: both are multiples of 2^-53, and what is left is below 1.
constexpr double TURNED = 0x1p20;
constexpr double HALF_PI = 0x1.921fb54442d18p+0, HALF_PI_2 = 0x1.1a62633145c07p-54, HALF_PI_3 = -0x1.f1976b7ed8fbcp-110;

SL_INLINE Two turned(V x, I& quadrant) {
    V shifted = fma(x, set(0x1.45f306dc9c883p-1), set(MAGIC)), n = shifted - set(MAGIC);
    quadrant = bits(shifted);
    V start = fnma(n, set(HALF_PI), x), more = n * set(HALF_PI_2), rest = fnma(n, set(HALF_PI_2), more);
    V r = start - more, back = r - start, lost = (start - (r - back)) - (more + back);
    return {r, fnma(n, set(HALF_PI_3), lost + rest)};
}

SL_INLINE V sin_of(Two r) {
    V z = r.high * r.high, v = z * r.high;
    V a = fma(z, set(1.58969099521155010221e-10), set(-2.50507602534068634195e-08));
    a = fma(z, a, set(2.75573137070700676789e-06));
    a = fma(z, a, set(-1.98412698298579493134e-04));
    a = fma(z, a, set(8.33333333332248946124e-03));
    V b = fnma(v, a, set(0.5) * r.low);
    return r.high - (fma(z, b, zero() - r.low) - v * set(-1.66666666666666324348e-01));
}

SL_INLINE V cos_of(Two r) {
    V z = r.high * r.high;
    V a = fma(z, set(-1.13596475577881948265e-11), set(2.08757232129817482790e-09));
    a = fma(z, a, set(-2.75573143513906633035e-07));
    a = fma(z, a, set(2.48015872894767294178e-05));
    a = fma(z, a, set(-1.38888888888741095749e-03));
    a = fma(z, a, set(4.16666666666666019037e-02));
    V half = set(0.5) * z, w = set(1.0) - half;
    return w + (((set(1.0) - w) - half) + fma(z, z * a, zero() - r.high * r.low));
}

// Sine for shift 0, cosine for shift 1; NaN beyond TURNED.
SL_INLINE V sin_shifted(V x, std::int64_t shift) {
    I quadrant;
    Two r = turned(x, quadrant);
    quadrant = quadrant + seti(shift);
    M odd = eq(from_bits((quadrant & seti(1)) | bits(set(1.0))), set(1.0 + 0x1p-52));
    V y = select(odd, cos_of(r), sin_of(r));
    y = y * from_bits(bits(set(1.0)) | shl<62>(quadrant & seti(2)));
    return select(lt(magnitude(x), set(TURNED)), y, set(__builtin_nan("")));
}
SL_INLINE V sin(V x) { return select(eq(x, zero()), x, sin_shifted(x, 0)); }
SL_INLINE V cos(V x) { return sin_shifted(x, 1); }

// pi/2 - 2 asin(sqrt((1 - |x|) / 2)) above 1/2; NaN beyond 1.
SL_INLINE V asin(V x) {
    V a = magnitude(x);
    M large = lt(set(0.5), a);
    V z = select(large, (set(1.0) - a) * set(0.5), a * a), s = sqrt(z);
    V p = fma(z, set(3.47933107596021167570e-05), set(7.91534994289814532176e-04));
    p = fma(z, fma(z, p, set(-4.00555345006794114027e-02)), set(2.01212532134862925881e-01));
    p = z * fma(z, fma(z, p, set(-3.25565818622400915405e-01)), set(1.66666666666666657415e-01));
    V q = fma(z, set(7.70381505559019352791e-02), set(-6.88283971605453293030e-01));
    q = fma(z, fma(z, fma(z, q, set(2.02094576023350569471e+00)), set(-2.40339491173441421878e+00)), set(1.0));
    V ratio = p / q;
    V head = from_bits(bits(s) & seti(static_cast<std::int64_t>(0xffffffff00000000ull)));
    V rest = select(lt(zero(), s), fnma(head, head, z) / (s + head), zero());
    V more = fma(set(2.0) * s, ratio, fma(set(2.0), rest, set(-HALF_PI_2))), quarter = set(0.5 * HALF_PI);
    V far = quarter - (more - (quarter - set(2.0) * head));
    V y = with_sign(select(large, far, fma(a, ratio, a)), x);
    return select(lt(set(1.0), a), set(__builtin_nan("")), if_nan(x, select(eq(x, zero()), x, y)));
}

}  // namespace shardlearn::SHARDLEARN_ISA
