#include "kpi/hist.h"

int64_t hist_bucket(int64_t value, int64_t width)
{
	int64_t rest = value % width;
	return value - (rest < 0 ? rest + width : rest);
}
