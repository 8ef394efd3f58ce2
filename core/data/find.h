#pragma once
// Where data sets lie on this machine.

#include <string>

namespace ramp::data {

/// The directory that holds the four IDX files of a data set: "mnist-10k" (the sample that travels with the source),
/// "mnist" or "fashion-mnist". With a `directory`, that one and no other; otherwise the first that has all four of
/// `$RAMP_DATA/<name>`, `$RAMP_DATA`, `data/<name>`, `examples/data/<name>` here and in every directory above, the same in
/// ramp's source, `~/.cache/ramp/<name>` and `/usr/share/datasets/<name>`. Throws Error that lists every place tried, what
/// it lacks, and how to get the files.
std::string find(const std::string& name, const std::string& directory = "");

/// The path of one file of a data set, from a stem like "train-images-idx3": `train-images-idx3-ubyte` or
/// `train-images.idx3-ubyte`, each plain or .gz, in this order. Empty when there is none. Throws Error for a stem
/// without a dash, and where it cannot be known what is there: in a directory that may not be searched, say.
std::string find_idx(const std::string& directory, const std::string& stem);

}  // namespace ramp::data
