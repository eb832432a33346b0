// Columns of an Arrow record batch, as the kernel that packs them takes them.
#pragma once
#include <cstdint>
#include <vector>

#include "table.hpp"

namespace shardlearn::pack {

// The Arrow C data interface: an ABI that does not change (https://arrow.apache.org/docs/format/CDataInterface.html).
struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void** buffers;
    ArrowArray** children;
    ArrowArray* dictionary;
    void (*release)(ArrowArray*);
    void* private_data;
};

// Which columns of a schema are packed, and how: worked out once for a reader.
struct Columns {
    std::vector<int32_t> which;
    std::vector<int32_t> codes;
    std::vector<int64_t> arguments;
};

// The columns of a batch from row `start` on.
inline std::vector<PackColumn> columns_of(const ArrowArray& batch, const Columns& columns, int64_t start) {
    std::vector<PackColumn> out;
    out.reserve(columns.which.size());
    for (size_t j = 0; j < columns.which.size(); ++j) {
        const ArrowArray& column = *batch.children[columns.which[j]];
        const auto code = Code(columns.codes[j]);
        const bool empty = code == Code::NOTHING;
        const void* valid = empty || column.null_count == 0 ? nullptr : column.buffers[0];
        out.push_back({code, columns.arguments[j], empty ? nullptr : column.buffers[1],
                       static_cast<const uint8_t*>(valid), batch.offset + column.offset + start});
    }
    return out;
}

}  // namespace shardlearn::pack
