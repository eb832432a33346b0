// Which build of the kernels this machine runs.
#pragma once
#include <string>

#include "table.hpp"

namespace shardlearn {

struct Cpu {
    bool fma, avx2, avx512;  // by the processor and the operating system; every AArch64 has fma and NEON
};

Cpu this_cpu();

// The build for this machine, or the one that `asked` names (empty: none was named).
// Null, and a sentence in `error`, where there is none or it isn't known.
const Table* choose(const Cpu& cpu, const std::string& asked, std::string& error);

const Table& kernels();  // the chosen build, once `use` was called
void use(const Table* table);

}  // namespace shardlearn
