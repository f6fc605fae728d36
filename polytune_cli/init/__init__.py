"""A folder to start from: policies with comments, a program, data of people who do not exist, a compose file."""
