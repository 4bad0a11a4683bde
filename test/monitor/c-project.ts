/** Script that makes a C project of so many files below the directory it is given, as `$1`. It needs awk alone. */
export function cProjectScript(files: number): string {
  return `
mkdir -p "$1" && cd "$1"
awk 'BEGIN {
  for (n = 1; n <= ${files}; n++) {
    file = "part" n ".c"
    print "#include <stdio.h>\\n#include <stdlib.h>\\n#include <string.h>" >file
    for (f = 0; f < 12; f++)
      printf "int part%d_%d(int x) { char text[64]; snprintf(text, sizeof text, \\"%%d\\", x); return (int)strlen(text) + atoi(text) %% %d; }\\n", n, f, f + 2 >file
    close(file)
  }
  print "#include <stdio.h>" >"main.c"
  for (n = 1; n <= ${files}; n++) printf "int part%d_0(int);\\n", n >"main.c"
  print "int main(void) {\\n  int sum = 0;" >"main.c"
  for (n = 1; n <= ${files}; n++) printf "  sum += part%d_0(%d);\\n", n, n >"main.c"
  print "  printf(\\"%d\\\\n\\", sum);\\n  return 0;\\n}" >"main.c"
}'
cat >Makefile <<'END'
parts := $(patsubst %.c,%.o,$(wildcard part*.c))
program: main.o libparts.a
	$(CC) -o $@ $^
libparts.a: $(parts)
	$(AR) rcs $@ $^
%.o: %.c
	$(CC) -O1 -Wall -c -o $@ $<
clean:
	rm -f program libparts.a *.o
END
`;
}
