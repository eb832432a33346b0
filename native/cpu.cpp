// Which build of the kernels this machine runs.
#include "cpu.hpp"

namespace shardlearn {
namespace {

const Table* chosen = nullptr;

}  // namespace

Cpu this_cpu() {
    __builtin_cpu_init();
    Cpu cpu;
    cpu.fma = __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx");
    cpu.avx2 = cpu.fma && __builtin_cpu_supports("avx2");
    cpu.avx512 = cpu.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                 __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
    return cpu;
}

const Table* choose(const Cpu& cpu, const std::string& asked, std::string& error) {
    if (!cpu.fma) {
        error = "shardlearn needs a processor with fused multiply-add (FMA3: Intel since 2013, AMD since 2012), "
                "and this one has none.";
        return nullptr;
    }
    if (asked.empty()) return cpu.avx512 ? &table_avx512 : cpu.avx2 ? &table_avx2 : &table_scalar;
    if (asked == "scalar") return &table_scalar;
    if (asked == "avx2" && cpu.avx2) return &table_avx2;
    if (asked == "avx512" && cpu.avx512) return &table_avx512;
    if (asked == "avx2" || asked == "avx512")
        error = "SHARDLEARN_SIMD=" + asked + ", but this processor has no " + asked +
                "; unset SHARDLEARN_SIMD, or set it to scalar" + (cpu.avx2 ? " or avx2." : ".");
    else
        error = "SHARDLEARN_SIMD='" + asked + "' is none of avx512, avx2, scalar.";
    return nullptr;
}

const Table& kernels() { return *chosen; }
void use(const Table* table) { chosen = table; }

}  // namespace shardlearn
