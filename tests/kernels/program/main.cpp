// Prints a hash of each kernel's answers, without Python: one line a kernel and kind of data, and one for all of them.
#include <cinttypes>
#include <cstdio>

#include "program.hpp"

#define SL_JOIN_OF(a, b) a##b
#define SL_JOIN(a, b) SL_JOIN_OF(a, b)
namespace shardlearn {
extern const Table SL_JOIN(table_, SHARDLEARN_ISA);
}

int main() {
    program::Hash all;
    for (const program::Case& one : program::cases()) {
        program::Hash hash;
        one.run(shardlearn::SL_JOIN(table_, SHARDLEARN_ISA), hash);
        std::printf("%s: %s: %016" PRIx64 "\n", one.kernel, one.on, hash.value());
        all.add(hash.value());
    }
    std::printf("all: of these: %016" PRIx64 "\n", all.value());
}
