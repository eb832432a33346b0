// Working memory of a thread.
#include <cstdlib>
#include <new>

#include "table.hpp"

namespace shardlearn {
namespace {

constexpr int SLOTS = 6;
constexpr std::int64_t LINE = 64, PAGE = 4096, KEPT = std::int64_t{1} << 25;  // bytes; a larger buffer is not kept

struct Buffer {
    double* data = nullptr;
    std::int64_t bytes = 0;
    ~Buffer() { std::free(data); }
};
thread_local Buffer buffers[SLOTS];

}  // namespace

double* scratch(int slot, std::int64_t count) {
    Buffer& buffer = buffers[slot];
    std::int64_t bytes = (count * 8 + PAGE) / PAGE * PAGE;
    if (bytes <= buffer.bytes && (buffer.bytes <= KEPT || bytes > KEPT)) return buffer.data;
    std::free(buffer.data);
    buffer.bytes = 0;
    buffer.data = static_cast<double*>(std::aligned_alloc(LINE, static_cast<std::size_t>(bytes)));
    if (!buffer.data) throw std::bad_alloc();
    buffer.bytes = bytes;
    return buffer.data;
}

}  // namespace shardlearn
