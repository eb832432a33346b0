// svmlight text: "label index:value index:value ... # comment", a line a row.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace shardlearn::pack {

// What a line can have wrong; 0 is nothing.
enum class Line : int { GOOD = 0, BLANK = 1, LABEL = 2, PAIR = 3, ORDER = 4, QUERY = 5, NEGATIVE = 6, INDEX = 7 };

inline bool space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

inline bool number(const char*& p, const char* end, double& value) {
    if (p < end && *p == '+') ++p;
    const auto [to, error] = std::from_chars(p, end, value);
    if (error == std::errc::invalid_argument) return false;
    if (error == std::errc::result_out_of_range) {  // too small is zero, too large is infinite
        const std::string text(p, size_t(to - p));
        value = std::strtod(text.c_str(), nullptr);
    }
    p = to;
    return true;
}

// Calls `entry(index, value)` for each pair of one line, explicit zeros included.
template <class Entry>
Line svm_line(const char* p, const char* end, double& label, Entry&& entry) {
    if (const void* hash = std::memchr(p, '#', size_t(end - p))) end = static_cast<const char*>(hash);
    while (p < end && space(*p)) ++p;
    if (p == end) return Line::BLANK;
    if (!number(p, end, label) || (p < end && !space(*p))) return Line::LABEL;
    int64_t before = -1;
    for (;;) {
        while (p < end && space(*p)) ++p;
        if (p == end) return Line::GOOD;
        if (end - p >= 4 && std::string_view(p, 4) == "qid:") return Line::QUERY;
        int64_t index = 0;
        const auto [to, error] = std::from_chars(p, end, index);
        if (error != std::errc() || to == end || *to != ':') return Line::PAIR;
        if (index < 0) return Line::NEGATIVE;
        if (index > INT32_MAX) return Line::INDEX;
        if (index <= before) return Line::ORDER;
        before = index;
        p = to + 1;
        double value = 0;
        if (!number(p, end, value) || (p < end && !space(*p))) return Line::PAIR;
        entry(index, value);
    }
}

// First pass: rows, non-zeros, indices, and where every stride-th row begins.
class SvmScanner {
public:
    explicit SvmScanner(int64_t stride) : stride_(stride) {}

    void feed(const char* text, size_t size) {
        const char* p = text;
        const char* const end = text + size;
        while (p < end) {
            const char* newline = static_cast<const char*>(std::memchr(p, '\n', size_t(end - p)));
            if (!newline) {
                held_.append(p, size_t(end - p));
                return;
            }
            if (held_.empty()) {
                line(p, newline);
            } else {
                held_.append(p, size_t(newline - p));
                line(held_.data(), held_.data() + held_.size());
                held_.clear();
            }
            p = newline + 1;
        }
    }

    void finish() {
        if (!held_.empty()) line(held_.data(), held_.data() + held_.size());
        held_.clear();
    }

    int64_t rows = 0, stored = 0, least = -1, largest = -1;
    int64_t bad_row = -1;
    int bad_kind = 0;
    bool whole_labels = true;
    std::vector<int64_t> offsets, stored_before;  // of rows 0, stride, ...: bytes and non-zeros before it

private:
    void line(const char* p, const char* end) {
        const int64_t offset = at_;
        at_ += end - p + 1;
        double label = 0;
        const Line kind = svm_line(p, end, label, [this](int64_t index, double value) {
            if (least < 0 || index < least) least = index;
            if (index > largest) largest = index;
            stored += value != 0;
        });
        if (kind == Line::BLANK) return;
        if (kind != Line::GOOD && bad_row < 0) {
            bad_row = rows;
            bad_kind = int(kind);
        }
        if (!(label == std::floor(label)) || std::abs(label) > 9007199254740992.0) whole_labels = false;
        if (rows % stride_ == 0) {
            offsets.push_back(offset);
            stored_before.push_back(stored_in_rows_);
        }
        stored_in_rows_ = stored;
        ++rows;
    }

    int64_t stride_, at_ = 0, stored_in_rows_ = 0;
    std::string held_;
};

// Second pass: whole lines as CSR, explicit zeros left out. The index pass has vouched for them.
struct SvmRows {
    std::vector<double> values, labels;
    std::vector<int32_t> indices;
    std::vector<int64_t> indptr{0};
};

inline SvmRows svm_rows(const char* text, size_t size, int64_t base) {
    SvmRows out;
    const char* p = text;
    const char* const end = text + size;
    while (p < end) {
        const void* found = std::memchr(p, '\n', size_t(end - p));
        const char* newline = found ? static_cast<const char*>(found) : end;
        double label = 0;
        const Line kind = svm_line(p, newline, label, [&](int64_t index, double value) {
            if (value == 0) return;
            out.indices.push_back(int32_t(index - base));
            out.values.push_back(value);
        });
        if (kind != Line::BLANK) {
            out.labels.push_back(label);
            out.indptr.push_back(int64_t(out.indices.size()));
        }
        p = newline + 1;
    }
    return out;
}

}  // namespace shardlearn::pack
