// Must not compile, and say why.
#include <ramp/ramp.h>

int main() { ramp::from_vector(std::vector<int64_t>{1, 2}, {2}); }
