#include "base/text.h"

#include <string.h>

#include "base/buf.h"

size_t utf8_len(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;
	if (n && p[0] < 0x80)
		return 1;
	if (n < 2 || p[0] < 0xc2 || p[0] > 0xf4 || (p[1] & 0xc0) != 0x80)
		return 0;
	if (p[0] < 0xe0)
		return 2;
	if (n < 3 || (p[2] & 0xc0) != 0x80)
		return 0;
	if (p[0] < 0xf0)
		return (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ? 0 : 3;
	if (n < 4 || (p[3] & 0xc0) != 0x80)
		return 0;
	return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) ? 0 : 4;
}

bool utf8_ok(const char *s, size_t n)
{
	for (size_t i = 0, len; i < n; i += len) {
		len = s[i] ? utf8_len(s + i, n - i) : 0;
		if (!len)
			return false;
	}
	return true;
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int percent_decode(const char *s, size_t n, bool plus, char *out, size_t cap)
{
	size_t to = 0;
	for (size_t i = 0; i < n; i++, to++) {
		char c = s[i];
		if (to == cap)
			return -1;
		if (plus && c == '+') {
			c = ' ';
		} else if (c == '%') {
			int high = n - i > 2 ? hex_digit(s[i + 1]) : -1;
			int low = high < 0 ? -1 : hex_digit(s[i + 2]);
			if (low < 0)
				return -1;
			c = (char)(high * 16 + low);
			i += 2;
		}
		out[to] = c;
	}
	return (int)to;
}

void percent_encode(struct buf *b, const char *text)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	for (; *text; text++) {
		if (strchr(plain, *text))
			buf_add(b, text, 1);
		else
			buf_printf(b, "%%%02X", (unsigned char)*text);
	}
}

const char *words_show(char out[SHOWN_MAX], struct str s)
{
	static const char dots[] = "…";
	size_t n = s.n;
	bool cut = n >= SHOWN_MAX;
	if (cut)
		for (n = SHOWN_MAX - sizeof dots; n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80;)
			n--;
	if (n)
		memcpy(out, s.p, n);
	memcpy(out + n, dots, cut ? sizeof dots : 0);
	if (!cut)
		out[n] = 0;
	return out;
}
