// Which build of the kernels this machine runs.
#include "cpu.hpp"

namespace shardlearn {
namespace {

const Table* chosen = nullptr;

struct Build {
    const char* name;
    const Table* table;
    bool runs;
};

// The best one first; the last runs wherever there is fused multiply-add.
#if defined(__aarch64__)
constexpr int BUILDS = 2;
struct Builds {
    Build all[BUILDS];
    explicit Builds(const Cpu&) : all{{"neon", &table_neon, true}, {"scalar", &table_scalar, true}} {}
};
#else
constexpr int BUILDS = 3;
struct Builds {
    Build all[BUILDS];
    explicit Builds(const Cpu& cpu)
        : all{{"avx512", &table_avx512, cpu.avx512}, {"avx2", &table_avx2, cpu.avx2}, {"scalar", &table_scalar, true}} {}
};
#endif

// "a, b, c", or "a, b or c", of the builds that `which` takes.
template <class Which>
std::string names(const Builds& builds, const char* last, Which which) {
    std::string out;
    for (int i = 0; i < BUILDS; ++i)
        if (which(builds.all[i])) out += (out.empty() ? "" : i == BUILDS - 1 ? last : ", ") + std::string(builds.all[i].name);
    return out;
}

}  // namespace

Cpu this_cpu() {
    Cpu cpu = {true, false, false};
#if !defined(__aarch64__)
    __builtin_cpu_init();
    cpu.fma = __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx");
    cpu.avx2 = cpu.fma && __builtin_cpu_supports("avx2");
    cpu.avx512 = cpu.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                 __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
#endif
    return cpu;
}

const Table* choose(const Cpu& cpu, const std::string& asked, std::string& error) {
    if (!cpu.fma) {
        error = "shardlearn needs a processor with fused multiply-add (FMA3: Intel since 2013, AMD since 2012), "
                "and this one has none.";
        return nullptr;
    }
    const Builds builds(cpu);
    for (const Build& one : builds.all) {
        if (!asked.empty() && asked != one.name) continue;
        if (one.runs) return one.table;
        if (asked.empty()) continue;
        error = "SHARDLEARN_SIMD=" + asked + ", but this processor has no " + asked +
                "; unset SHARDLEARN_SIMD, or set it to " + names(builds, " or ", [](const Build& b) { return b.runs; }) + ".";
        return nullptr;
    }
    error = "SHARDLEARN_SIMD='" + asked + "' is none of " + names(builds, ", ", [](const Build&) { return true; }) + ".";
    return nullptr;
}

const Table& kernels() { return *chosen; }
void use(const Table* table) { chosen = table; }

}  // namespace shardlearn
