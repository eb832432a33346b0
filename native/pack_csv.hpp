// One pass over a CSV: where rows begin, and what the values of each column are over the whole file.
//
// The rules of quotes and numbers are those of pyarrow's reader, which converts the same bytes later: a quote opens a
// quoted field only as its first character, a doubled quote inside stands for one, blank lines are no rows.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace shardlearn::pack {

struct CsvColumn {
    int64_t missing = 0, integers = 0, floats = 0, bools = 0, strings = 0;
    int64_t large = 0, first_large = -1;  // integers beyond 2**53
    int64_t huge = 0;                     // of those, beyond int64
    int64_t first_missing = -1;
};

inline bool digit(char c) { return c >= '0' && c <= '9'; }

inline std::string_view trimmed(std::string_view s) {
    while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
    while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
    return s;
}

inline bool equal_fold(std::string_view s, std::string_view lower) {
    if (s.size() != lower.size()) return false;
    for (size_t i = 0; i < s.size(); ++i)
        if ((s[i] | 32) != lower[i]) return false;
    return true;
}

enum class Value { INTEGER, FLOAT, BOOL, STRING };

// What a field without spaces around it is.
inline Value value_of(std::string_view s) {
    if (s.empty()) return Value::STRING;
    size_t i = 0;
    const bool plus = s[0] == '+', sign = plus || s[0] == '-';
    if (sign) i = 1;
    const size_t begin = i;
    while (i < s.size() && digit(s[i])) ++i;
    size_t digits = i - begin;
    if (i == s.size() && digits) return plus ? Value::FLOAT : Value::INTEGER;
    if (i < s.size() && s[i] == '.') {
        const size_t point = ++i;
        while (i < s.size() && digit(s[i])) ++i;
        digits += i - point;
    }
    if (digits) {
        if (i < s.size() && (s[i] | 32) == 'e') {
            ++i;
            if (i < s.size() && (s[i] == '+' || s[i] == '-')) ++i;
            const size_t exponent = i;
            while (i < s.size() && digit(s[i])) ++i;
            if (i == exponent) return Value::STRING;
        }
        return i == s.size() ? Value::FLOAT : Value::STRING;
    }
    const std::string_view rest = s.substr(sign ? 1 : 0);
    if (equal_fold(rest, "inf") || equal_fold(rest, "infinity")) return Value::FLOAT;
    return Value::STRING;
}

inline bool is_bool(std::string_view s) {
    return s == "true" || s == "false" || s == "True" || s == "False" || s == "TRUE" || s == "FALSE";
}

class CsvScanner {
public:
    CsvScanner(char delimiter, const std::vector<std::string>& nulls, int64_t stride)
        : delimiter_(delimiter), stride_(stride), nulls_(nulls.begin(), nulls.end()) {
        for (const std::string& null : nulls_) longest_null_ = std::max(longest_null_, null.size());
    }

    void feed(const char* text, size_t size) {
        const char* p = text;
        const char* const end = text + size;
        if (at_ == 0 && size >= 3 && std::string_view(p, 3) == "\xEF\xBB\xBF") p += 3;
        while (p < end) {
            switch (state_) {
                case State::ROW:  // before the first character of a row
                    if (after_return_ && *p == '\n') {
                        after_return_ = false;
                        ++p;
                        break;
                    }
                    after_return_ = false;
                    if (*p == '\n' || *p == '\r') {  // a blank line
                        after_return_ = *p == '\r';
                        ++p;
                        break;
                    }
                    begin_row(at_ + (p - text));
                    state_ = State::FIELD;
                    [[fallthrough]];
                case State::FIELD:  // before the first character of a field
                    if (*p == '"') {
                        quoted_ = true;
                        state_ = State::QUOTED;
                        ++p;
                        break;
                    }
                    state_ = State::PLAIN;
                    [[fallthrough]];
                case State::PLAIN: {
                    const char* from = p;
                    while (p < end && *p != delimiter_ && *p != '\n' && *p != '\r') ++p;
                    if (p == end) {
                        held_.append(from, size_t(p - from));
                        break;
                    }
                    end_field(from, p);
                    if (*p == delimiter_) {
                        state_ = State::FIELD;
                    } else {
                        after_return_ = *p == '\r';
                        end_row();
                        state_ = State::ROW;
                    }
                    ++p;
                    break;
                }
                case State::QUOTED: {
                    const char* from = p;
                    while (p < end && *p != '"') ++p;
                    held_.append(from, size_t(p - from));
                    if (p < end) {
                        state_ = State::QUOTE;
                        ++p;
                    }
                    break;
                }
                case State::QUOTE:  // after a quote inside quotes: doubled, or the end of the quoted part
                    if (*p == '"') {
                        held_.push_back('"');
                        state_ = State::QUOTED;
                        ++p;
                    } else {
                        state_ = State::PLAIN;
                    }
                    break;
            }
        }
        at_ += int64_t(size);
    }

    // False where the file ends inside quotes.
    bool finish() {
        if (state_ == State::QUOTED) return false;
        if (state_ != State::ROW) {
            end_field(nullptr, nullptr);
            end_row();
            state_ = State::ROW;
        }
        return true;
    }

    std::vector<std::string> names;
    std::vector<CsvColumn> columns;
    std::vector<int64_t> offsets;  // of rows 0, stride, 2 stride, ...
    int64_t rows = 0;
    int64_t ragged = 0, first_ragged = -1, first_ragged_fields = 0;

private:
    enum class State { ROW, FIELD, PLAIN, QUOTED, QUOTE };

    void begin_row(int64_t offset) {
        field_ = 0;
        if (headed_ && rows % stride_ == 0) offsets.push_back(offset);
    }

    void end_field(const char* from, const char* to) {
        std::string_view value(from ? from : "", size_t(to - from));
        if (!held_.empty() || quoted_) {
            held_.append(value);
            value = held_;
        }
        if (!headed_) names.emplace_back(value);
        else if (field_ < columns.size()) take(columns[field_], value);
        ++field_;
        held_.clear();
        quoted_ = false;
    }

    void end_row() {
        if (!headed_) {
            headed_ = true;
            columns.resize(names.size());
            return;
        }
        if (field_ != columns.size()) {
            if (!ragged++) {
                first_ragged = rows;
                first_ragged_fields = int64_t(field_);
            }
        }
        ++rows;
    }

    void take(CsvColumn& column, std::string_view value) {
        if (value.size() <= longest_null_ && (value.empty() || !digit(value[0]) ) && is_null(value)) {
            if (!column.missing++) column.first_missing = rows;
            return;
        }
        if (is_bool(value)) {
            ++column.bools;
            return;
        }
        const std::string_view bare = trimmed(value);
        switch (value_of(bare)) {
            case Value::INTEGER:
                ++column.integers;
                if (bare.size() > 15) take_large(column, bare);
                break;
            case Value::FLOAT: ++column.floats; break;
            default: ++column.strings;
        }
    }

    void take_large(CsvColumn& column, std::string_view bare) {
        int64_t number = 0;
        const auto [_, error] = std::from_chars(bare.data(), bare.data() + bare.size(), number);
        const bool huge = error == std::errc::result_out_of_range;
        constexpr int64_t limit = int64_t(1) << 53;
        if (!huge && number <= limit && number >= -limit) return;
        column.huge += huge;
        if (!column.large++) column.first_large = rows;
    }

    bool is_null(std::string_view value) {
        key_.assign(value);
        return nulls_.count(key_) != 0;
    }

    char delimiter_;
    int64_t stride_;
    std::unordered_set<std::string> nulls_;
    size_t longest_null_ = 0;
    State state_ = State::ROW;
    bool after_return_ = false, quoted_ = false, headed_ = false;
    int64_t at_ = 0;
    size_t field_ = 0;
    std::string held_, key_;
};

}  // namespace shardlearn::pack
